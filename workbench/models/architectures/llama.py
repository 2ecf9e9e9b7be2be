"""Llama, with full or grouped queries, and with Llama 3's scaling of rotary positions."""

from __future__ import annotations

from typing import Any

from transformer_lens.pretrained.weight_conversions import convert_llama_weights
from transformers import PreTrainedConfig

from workbench.models.architectures.architecture import Architecture, activation_problem


def _settings(config: PreTrainedConfig) -> dict[str, Any]:
    grouped = config.num_key_value_heads != config.num_attention_heads
    d_head = config.hidden_size // config.num_attention_heads
    return {
        "n_layers": config.num_hidden_layers,
        "d_model": config.hidden_size,
        "n_heads": config.num_attention_heads,
        "d_head": d_head,
        # None, not the number of heads: with a number, HookedTransformer takes the grouped path.
        "n_key_value_heads": config.num_key_value_heads if grouped else None,
        "d_mlp": config.intermediate_size,
        "d_vocab": config.vocab_size,
        "n_ctx": config.max_position_embeddings,
        "act_fn": config.hidden_act,
        "gated_mlp": True,
        "normalization_type": "RMS",
        "final_rms": True,
        "eps": config.rms_norm_eps,
        "positional_embedding_type": "rotary",
        "rotary_dim": d_head,
        "rotary_adjacent_pairs": False,
        **_rotary(config.rope_parameters or {}, config.max_position_embeddings),
    }


def _rotary(rope: dict[str, Any], window: int) -> dict[str, Any]:
    base = {"rotary_base": rope.get("rope_theta", 10000.0)}
    if _rope_type(rope) != "llama3":
        return base
    return {
        **base,
        "use_NTK_by_parts_rope": True,
        "NTK_by_parts_factor": rope["factor"],
        "NTK_by_parts_low_freq_factor": rope["low_freq_factor"],
        "NTK_by_parts_high_freq_factor": rope["high_freq_factor"],
        "NTK_original_ctx_len": rope.get("original_max_position_embeddings") or window,
    }


def _rope_type(rope: dict[str, Any]) -> str:
    return rope.get("rope_type") or rope.get("type") or "default"


def _problem(config: PreTrainedConfig) -> str | None:
    rope = config.rope_parameters or {}
    if _rope_type(rope) not in ("default", "llama3"):
        return f"its rotary positions are scaled the {_rope_type(rope)!r} way; only Llama 3's is supported"
    if rope.get("partial_rotary_factor", 1.0) != 1.0:
        return "it rotates only a part of every head"
    if config.attention_bias or config.mlp_bias:
        return "its attention or feed-forward layers have biases"
    if config.head_dim != config.hidden_size // config.num_attention_heads:
        return (
            f"its heads have {config.head_dim} dimensions, not hidden_size / num_attention_heads = "
            f"{config.hidden_size // config.num_attention_heads}"
        )
    return activation_problem(config.hidden_act)


LLAMA = Architecture(
    class_name="LlamaForCausalLM",
    model_type="llama",
    label="Llama",
    settings=_settings,
    problem=_problem,
    weights=convert_llama_weights,
)
