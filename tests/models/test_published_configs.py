"""Configs as published, with the fields and spellings of their day, are read as they were meant.

The fields below are those of the models' own config.json files that bear on the numbers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.models import registry
from workbench.models.architectures import find_architecture
from workbench.models.files import CheckpointFiles
from workbench.models.weights import read_config

PUBLISHED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "starcoder2-7b": (
        {
            **{"activation_function": "gelu", "architectures": ["Starcoder2ForCausalLM"], "hidden_size": 4608},
            **{"attention_softmax_in_fp32": True, "hidden_act": "gelu_pytorch_tanh", "intermediate_size": 18432},
            **{"layer_norm_epsilon": 1e-05, "max_position_embeddings": 16384, "mlp_type": "default"},
            **{"model_type": "starcoder2", "norm_epsilon": 1e-05, "norm_type": "layer_norm", "rope_theta": 1000000},
            **{"num_attention_heads": 36, "num_hidden_layers": 32, "num_key_value_heads": 4, "use_bias": True},
            **{"scale_attn_weights": True, "sliding_window": 4096, "vocab_size": 49152, "bos_token_id": 0},
        },
        {"rotary_base": 1000000, "window_size": 4096, "attn_types": ["local"] * 32, "d_head": 128, "eps": 1e-05},
    ),
    "Qwen2-0.5B": (
        {
            **{"architectures": ["Qwen2ForCausalLM"], "hidden_act": "silu", "hidden_size": 896, "rms_norm_eps": 1e-06},
            **{"intermediate_size": 4864, "max_position_embeddings": 131072, "max_window_layers": 24},
            **{"model_type": "qwen2", "num_attention_heads": 14, "num_hidden_layers": 24, "num_key_value_heads": 2},
            **{"rope_theta": 1000000.0, "sliding_window": 131072, "tie_word_embeddings": True, "vocab_size": 151936},
            **{"use_sliding_window": False, "transformers_version": "4.42.4", "torch_dtype": "bfloat16"},
        },
        {"rotary_base": 1000000.0, "d_head": 64, "window_size": None},
    ),
    "OLMo-1B-0724": (
        {
            **{"architectures": ["OlmoForCausalLM"], "attention_bias": False, "clip_qkv": 8.0, "hidden_act": "silu"},
            **{"hidden_size": 2048, "intermediate_size": 8192, "max_position_embeddings": 4096, "model_type": "olmo"},
            **{"num_attention_heads": 16, "num_hidden_layers": 16, "num_key_value_heads": 16, "rope_scaling": None},
            **{"rope_theta": 10000.0, "tie_word_embeddings": False, "vocab_size": 50304, "torch_dtype": "float32"},
        },
        {"clip_qkv": 8.0, "eps": 1e-05, "d_head": 128, "n_key_value_heads": None},
    ),
    "bloom-560m": (
        {
            **{"apply_residual_connection_post_layernorm": False, "architectures": ["BloomForCausalLM"]},
            **{"attention_softmax_in_fp32": True, "bias_dropout_fusion": True, "layer_norm_epsilon": 1e-05},
            **{"masked_softmax_fusion": True, "model_type": "bloom", "n_embed": 1024, "n_inner": None, "n_layer": 24},
            **{"num_attention_heads": 16, "offset_alibi": 100, "pretraining_tp": 1, "vocab_size": 250880},
        },
        {"d_model": 1024, "d_head": 64, "d_mlp": 4096, "post_embedding_ln": True},
    ),
    "pythia-160m": (
        {
            **{"architectures": ["GPTNeoXForCausalLM"], "bos_token_id": 0, "hidden_act": "gelu", "hidden_size": 768},
            **{"intermediate_size": 3072, "layer_norm_eps": 1e-05, "max_position_embeddings": 2048},
            **{"model_type": "gpt_neox", "num_attention_heads": 12, "num_hidden_layers": 12, "rotary_emb_base": 10000},
            **{"rotary_pct": 0.25, "tie_word_embeddings": False, "use_parallel_residual": True, "vocab_size": 50304},
        },
        {"rotary_dim": 16, "rotary_base": 10000, "parallel_attn_mlp": True},
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_read_as_meant(tmp_path: Path, name: str) -> None:
    config, expected = PUBLISHED[name]
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    architecture = find_architecture(config, name)
    settings = architecture.settings(read_config(CheckpointFiles(tmp_path, path, (), ()), architecture))
    assert {field: settings.get(field) for field in expected} == expected
    # The list of models known by name says the same.
    entry = registry.find(name)
    assert entry is not None
    assert architecture.label == entry.architecture
    shape = (settings["n_layers"], settings["n_heads"], settings["n_ctx"])
    assert shape == (entry.layers, entry.heads, entry.window)
    assert settings.get("n_key_value_heads") in (None, entry.key_value_heads)
