"""OLMo 1: Llama with norms that have no parameters, and queries, keys and values clipped in some checkpoints."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformer_lens import HookedTransformerConfig
from transformers import PreTrainedConfig, PreTrainedModel

from workbench.models.architectures.architecture import Architecture, activation_problem
from workbench.models.architectures.parts import decoder_settings, decoder_weights, rotary_problem


def _settings(config: PreTrainedConfig) -> dict[str, Any]:
    return {
        **decoder_settings(config, config.hidden_size // config.num_attention_heads),
        "act_fn": config.hidden_act,
        "gated_mlp": True,
        "normalization_type": "LN",
        # Not in its config: the norm's own code has it.
        "eps": 1e-5,
        "clip_qkv": config.clip_qkv,
    }


def _problem(config: PreTrainedConfig) -> str | None:
    return rotary_problem(config) or activation_problem(config.hidden_act)


def _weights(model: PreTrainedModel, cfg: HookedTransformerConfig) -> dict[str, Tensor]:
    return decoder_weights(model, cfg, {"ln1": "input_layernorm", "ln2": "post_attention_layernorm"})


OLMO = Architecture(
    class_name="OlmoForCausalLM",
    model_type="olmo",
    label="OLMo",
    settings=_settings,
    problem=_problem,
    weights=_weights,
)
