"""GPT-2."""

from __future__ import annotations

from typing import Any

from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights
from transformers import PreTrainedConfig

from workbench.models.architectures.architecture import Architecture, activation_problem


def _settings(config: PreTrainedConfig) -> dict[str, Any]:
    return {
        "n_layers": config.n_layer,
        "d_model": config.n_embd,
        "n_heads": config.n_head,
        "d_head": config.n_embd // config.n_head,
        # TransformerLens always takes four times the width; the weight map does not mind.
        "d_mlp": config.n_inner or 4 * config.n_embd,
        "d_vocab": config.vocab_size,
        "n_ctx": config.n_positions,
        "act_fn": config.activation_function,
        "normalization_type": "LN",
        "eps": config.layer_norm_epsilon,
        "use_attn_scale": config.scale_attn_weights,
        "scale_attn_by_inverse_layer_idx": config.scale_attn_by_inverse_layer_idx,
    }


def _problem(config: PreTrainedConfig) -> str | None:
    if config.add_cross_attention:
        return "it attends to a second model (add_cross_attention)"
    return activation_problem(config.activation_function)


GPT2 = Architecture(
    class_name="GPT2LMHeadModel",
    model_type="gpt2",
    label="GPT-2",
    settings=_settings,
    problem=_problem,
    weights=convert_gpt2_weights,
    leftovers=r"\.attn\.masked_bias$",
)
