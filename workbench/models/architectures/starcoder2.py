"""StarCoder 2: rotary positions and grouped queries as in Llama; norms, biases and feed-forward layers as in GPT-2."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformer_lens import HookedTransformerConfig
from transformers import PreTrainedConfig, PreTrainedModel

from workbench.models.architectures.architecture import Architecture, activation_problem
from workbench.models.architectures.parts import decoder_settings, decoder_weights, rotary_problem, window_settings


def _settings(config: PreTrainedConfig) -> dict[str, Any]:
    return {
        **decoder_settings(config, config.hidden_size // config.num_attention_heads),
        "act_fn": config.hidden_act,
        "normalization_type": "LN",
        "eps": config.norm_epsilon,
        **window_settings(["sliding_attention"] * config.num_hidden_layers, config.sliding_window),
    }


def _problem(config: PreTrainedConfig) -> str | None:
    if getattr(config, "head_dim", None) not in (None, config.hidden_size // config.num_attention_heads):
        return f"its heads have {config.head_dim} dimensions, not hidden_size / num_attention_heads"
    return rotary_problem(config) or activation_problem(config.hidden_act)


def _weights(model: PreTrainedModel, cfg: HookedTransformerConfig) -> dict[str, Tensor]:
    return decoder_weights(model, cfg, {"ln1": "input_layernorm", "ln2": "post_attention_layernorm"})


STARCODER2 = Architecture(
    class_name="Starcoder2ForCausalLM",
    model_type="starcoder2",
    label="StarCoder2",
    settings=_settings,
    problem=_problem,
    weights=_weights,
)
