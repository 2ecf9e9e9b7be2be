"""Mistral: Llama whose every layer looks back only a window of tokens (the first version; later ones see everything)."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformer_lens import HookedTransformerConfig
from transformers import PreTrainedConfig, PreTrainedModel

from workbench.models.architectures.architecture import Architecture, activation_problem
from workbench.models.architectures.parts import decoder_settings, decoder_weights, rotary_problem, window_settings


def _settings(config: PreTrainedConfig) -> dict[str, Any]:
    return {
        **decoder_settings(config, config.head_dim),
        "act_fn": config.hidden_act,
        "gated_mlp": True,
        "normalization_type": "RMS",
        "final_rms": True,
        "eps": config.rms_norm_eps,
        **window_settings(["sliding_attention"] * config.num_hidden_layers, config.sliding_window),
    }


def _problem(config: PreTrainedConfig) -> str | None:
    if getattr(config, "layer_types", None) is not None:
        return "its layers are of several kinds (layer_types), which Hugging Face's own Mistral ignores"
    return rotary_problem(config) or activation_problem(config.hidden_act)


def _weights(model: PreTrainedModel, cfg: HookedTransformerConfig) -> dict[str, Tensor]:
    return decoder_weights(model, cfg, {"ln1": "input_layernorm", "ln2": "post_attention_layernorm"})


MISTRAL = Architecture(
    class_name="MistralForCausalLM",
    model_type="mistral",
    label="Mistral",
    settings=_settings,
    problem=_problem,
    weights=_weights,
)
