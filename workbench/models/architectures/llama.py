"""Llama, with full or grouped queries, and with rotary positions scaled linearly or as in Llama 3."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformer_lens import HookedTransformerConfig
from transformers import PreTrainedConfig, PreTrainedModel

from workbench.models.architectures.architecture import Architecture, activation_problem
from workbench.models.architectures.parts import decoder_settings, decoder_weights, rope_type, rotary_problem


def _settings(config: PreTrainedConfig) -> dict[str, Any]:
    return {
        **decoder_settings(config, config.head_dim),
        "act_fn": config.hidden_act,
        "gated_mlp": True,
        "normalization_type": "RMS",
        "final_rms": True,
        "eps": config.rms_norm_eps,
        **_scaling(config),
    }


def _scaling(config: PreTrainedConfig) -> dict[str, Any]:
    if rope_type(config) != "llama3":
        return {}
    rope = config.rope_parameters
    return {
        "use_NTK_by_parts_rope": True,
        "NTK_by_parts_factor": rope["factor"],
        "NTK_by_parts_low_freq_factor": rope["low_freq_factor"],
        "NTK_by_parts_high_freq_factor": rope["high_freq_factor"],
        "NTK_original_ctx_len": rope.get("original_max_position_embeddings") or config.max_position_embeddings,
    }


def _problem(config: PreTrainedConfig) -> str | None:
    if config.mlp_bias:
        return "its feed-forward layers have biases"
    return rotary_problem(config, "llama3", "linear") or activation_problem(config.hidden_act)


def _weights(model: PreTrainedModel, cfg: HookedTransformerConfig) -> dict[str, Tensor]:
    return decoder_weights(model, cfg, {"ln1": "input_layernorm", "ln2": "post_attention_layernorm"})


LLAMA = Architecture(
    class_name="LlamaForCausalLM",
    model_type="llama",
    label="Llama",
    settings=_settings,
    problem=_problem,
    weights=_weights,
)
