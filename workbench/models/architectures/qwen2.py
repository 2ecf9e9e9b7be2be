"""Qwen 2 and 2.5: Llama with biases on queries, keys and values; upper layers may look back only a window."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformer_lens import HookedTransformerConfig
from transformers import PreTrainedConfig, PreTrainedModel

from workbench.models.architectures.architecture import Architecture, activation_problem
from workbench.models.architectures.parts import (
    decoder_settings,
    decoder_weights,
    rotary_problem,
    window_problem,
    window_settings,
)


def _settings(config: PreTrainedConfig) -> dict[str, Any]:
    return {
        **decoder_settings(config, config.hidden_size // config.num_attention_heads),
        "act_fn": config.hidden_act,
        "gated_mlp": True,
        "normalization_type": "RMS",
        "final_rms": True,
        "eps": config.rms_norm_eps,
        **window_settings(config.layer_types, config.sliding_window),
    }


def _problem(config: PreTrainedConfig) -> str | None:
    if getattr(config, "head_dim", None) not in (None, config.hidden_size // config.num_attention_heads):
        return f"its heads have {config.head_dim} dimensions, not hidden_size / num_attention_heads"
    return rotary_problem(config) or window_problem(config.layer_types) or activation_problem(config.hidden_act)


def _weights(model: PreTrainedModel, cfg: HookedTransformerConfig) -> dict[str, Tensor]:
    return decoder_weights(model, cfg, {"ln1": "input_layernorm", "ln2": "post_attention_layernorm"})


QWEN2 = Architecture(
    class_name="Qwen2ForCausalLM",
    model_type="qwen2",
    label="Qwen2",
    settings=_settings,
    problem=_problem,
    weights=_weights,
)
