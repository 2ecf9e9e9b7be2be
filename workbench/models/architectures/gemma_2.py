"""Gemma 2: softcaps on scores and logits, norms around both sublayers, and a window in every second layer."""

from __future__ import annotations

from typing import Any

import torch
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

_NORMS = {
    "ln1": "input_layernorm",
    "ln1_post": "post_attention_layernorm",
    "ln2": "pre_feedforward_layernorm",
    "ln2_post": "post_feedforward_layernorm",
}
_NO_SOFTCAP = -1.0


def _settings(config: PreTrainedConfig) -> dict[str, Any]:
    return {
        **decoder_settings(config, config.head_dim),
        "act_fn": config.hidden_activation,
        "gated_mlp": True,
        "normalization_type": "RMS",
        "final_rms": True,
        "use_normalization_before_and_after": True,
        "eps": config.rms_norm_eps,
        "attn_scale": config.query_pre_attn_scalar**0.5,
        "attn_scores_soft_cap": config.attn_logit_softcapping or _NO_SOFTCAP,
        "output_logits_soft_cap": config.final_logit_softcapping or _NO_SOFTCAP,
        **window_settings(config.layer_types, config.sliding_window),
    }


def _problem(config: PreTrainedConfig) -> str | None:
    if config.use_bidirectional_attention:
        return "it also attends to later tokens (use_bidirectional_attention)"
    return rotary_problem(config) or window_problem(config.layer_types) or activation_problem(config.hidden_activation)


def _weights(model: PreTrainedModel, cfg: HookedTransformerConfig) -> dict[str, Tensor]:
    state = decoder_weights(model, cfg, _NORMS)
    # Its norms store the distance of their scale from one, and embeddings are scaled before the first layer. The
    # factor is rounded to the model's dtype first, as Hugging Face does.
    for name in [name for name in state if name.endswith(".w")]:
        state[name] = (1 + state[name].float()).to(cfg.dtype)
    state["embed.W_E"] = state["embed.W_E"] * torch.tensor(cfg.d_model**0.5, dtype=cfg.dtype)
    return state


GEMMA_2 = Architecture(
    class_name="Gemma2ForCausalLM",
    model_type="gemma2",
    label="Gemma-2",
    settings=_settings,
    problem=_problem,
    weights=_weights,
)
