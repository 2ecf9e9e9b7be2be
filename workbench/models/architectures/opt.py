"""OPT: GPT-2 with rectified feed-forward layers and positions that count from two in its table."""

from __future__ import annotations

from typing import Any

from transformer_lens.pretrained.weight_conversions import convert_opt_weights
from transformers import PreTrainedConfig

from workbench.models.architectures.architecture import Architecture, activation_problem


def _settings(config: PreTrainedConfig) -> dict[str, Any]:
    return {
        "n_layers": config.num_hidden_layers,
        "d_model": config.hidden_size,
        "n_heads": config.num_attention_heads,
        "d_head": config.hidden_size // config.num_attention_heads,
        "d_mlp": config.ffn_dim,
        "d_vocab": config.vocab_size,
        "n_ctx": config.max_position_embeddings,
        "act_fn": config.activation_function,
        "normalization_type": "LN",
        # Not in its config: the norm's own default.
        "eps": 1e-5,
    }


def _problem(config: PreTrainedConfig) -> str | None:
    if not config.do_layer_norm_before:
        return "its norms come after the sublayers (do_layer_norm_before is false, as in opt-350m)"
    if config.word_embed_proj_dim != config.hidden_size:
        return f"its embeddings of {config.word_embed_proj_dim} dimensions are projected to {config.hidden_size}"
    if config._remove_final_layer_norm:
        return "it has no final norm"
    if not config.enable_bias or not config.layer_norm_elementwise_affine:
        return "its layers have no biases or its norms no parameters"
    return activation_problem(config.activation_function)


OPT = Architecture(
    class_name="OPTForCausalLM",
    model_type="opt",
    label="OPT",
    settings=_settings,
    problem=_problem,
    weights=convert_opt_weights,
)
