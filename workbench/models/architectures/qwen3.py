"""Qwen 3: Llama with a norm on every head's queries and keys; upper layers may look back only a window."""

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
        **decoder_settings(config, config.head_dim),
        "act_fn": config.hidden_act,
        "gated_mlp": True,
        "normalization_type": "RMS",
        "final_rms": True,
        "eps": config.rms_norm_eps,
        "use_qk_norm": True,
        **window_settings(config.layer_types, config.sliding_window),
    }


def _problem(config: PreTrainedConfig) -> str | None:
    return rotary_problem(config) or window_problem(config.layer_types) or activation_problem(config.hidden_act)


def _weights(model: PreTrainedModel, cfg: HookedTransformerConfig) -> dict[str, Tensor]:
    return decoder_weights(model, cfg, {"ln1": "input_layernorm", "ln2": "post_attention_layernorm"})


QWEN3 = Architecture(
    class_name="Qwen3ForCausalLM",
    model_type="qwen3",
    label="Qwen3",
    settings=_settings,
    problem=_problem,
    weights=_weights,
)
