"""What several architectures share: rotary positions, windows, and the weight map of decoders laid out like Llama."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from einops import rearrange
from torch import Tensor
from transformer_lens import HookedTransformerConfig
from transformers import PreTrainedConfig, PreTrainedModel


def rope_type(config: PreTrainedConfig) -> str:
    """How rotary positions are scaled; "default" if they are not."""
    rope = config.rope_parameters or {}
    return str(rope.get("rope_type") or rope.get("type") or "default")


def rotary_settings(config: PreTrainedConfig, d_head: int) -> dict[str, Any]:
    """Fields for rotary positions, plain or linearly scaled, that turn the first half of a head against the second."""
    rope = config.rope_parameters or {}
    return {
        "positional_embedding_type": "rotary",
        "rotary_dim": d_head,
        "rotary_adjacent_pairs": False,
        "rotary_base": rope.get("rope_theta", 10000.0),
        **({"rotary_scaling_factor": rope["factor"]} if rope_type(config) == "linear" else {}),
    }


def rotary_problem(config: PreTrainedConfig, *scalings: str) -> str | None:
    """Why rotary positions would be wrong: scaled in another way than those given, or for a part of every head."""
    kind = rope_type(config)
    if kind not in ("default", *scalings):
        known = f"only {' and '.join(scalings)} is supported" if scalings else "no scaling is supported for it"
        return f"its rotary positions are scaled the {kind!r} way; {known}"
    if (config.rope_parameters or {}).get("partial_rotary_factor", 1.0) != 1.0:
        return "it rotates only a part of every head"
    return None


def window_settings(kinds: Sequence[str], window: int | None) -> dict[str, Any]:
    """Fields for layers that look back only `window` tokens; kinds as in `layer_types` of a config."""
    if window is None or "sliding_attention" not in kinds:
        return {}
    names = {"sliding_attention": "local", "full_attention": "global"}
    return {"use_local_attn": True, "window_size": window, "attn_types": [names[kind] for kind in kinds]}


def window_problem(kinds: Sequence[str]) -> str | None:
    """Why the kinds of attention layers that a config names cannot be used."""
    unknown = set(kinds) - {"sliding_attention", "full_attention"}
    return f"it has attention layers of the kind {', '.join(sorted(unknown))}" if unknown else None


def decoder_settings(config: PreTrainedConfig, d_head: int) -> dict[str, Any]:
    """Fields that every decoder laid out like Llama fills in the same way; `act_fn` and normalisation are its own."""
    grouped = config.num_key_value_heads != config.num_attention_heads
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
        **rotary_settings(config, d_head),
    }


def decoder_weights(
    model: PreTrainedModel, cfg: HookedTransformerConfig, norms: Mapping[str, str]
) -> dict[str, Tensor]:
    """The parameters of a decoder laid out like Llama, as views of the Hugging Face model's.

    Biases are taken where the model has them, as are gates, and norms of queries and keys; what a HookedTransformer
    has and the model has not is zero, or one for the scale of a norm.

    Args:
        model: the Hugging Face model.
        cfg: the config of the HookedTransformer that is to get them.
        norms: names of a block's norms in HookedTransformer, and in the Hugging Face model.
    """
    decoder: Any = model.model
    unembedding: Any = model.lm_head
    state: dict[str, Tensor] = {
        "embed.W_E": decoder.embed_tokens.weight,
        "unembed.W_U": unembedding.weight.T,
        "unembed.b_U": torch.zeros(cfg.d_vocab, dtype=cfg.dtype),
        **_norm("ln_final", decoder.norm, cfg),
    }
    for index, layer in enumerate(decoder.layers):
        state |= _attention(f"blocks.{index}.attn", layer.self_attn, cfg)
        state |= _feed_forward(f"blocks.{index}.mlp", layer.mlp, cfg)
        for ours, theirs in norms.items():
            state |= _norm(f"blocks.{index}.{ours}", getattr(layer, theirs), cfg)
    return state


def _attention(name: str, attention: Any, cfg: HookedTransformerConfig) -> dict[str, Tensor]:
    state = {
        f"{name}.W_O": rearrange(attention.o_proj.weight, "d_model (n h) -> n h d_model", n=cfg.n_heads),
        f"{name}.b_O": _bias(attention.o_proj, cfg),
    }
    grouped = "" if cfg.n_key_value_heads is None else "_"
    for letter, linear in (("Q", attention.q_proj), ("K", attention.k_proj), ("V", attention.v_proj)):
        mark = "" if letter == "Q" else grouped
        state[f"{name}.{mark}W_{letter}"] = rearrange(linear.weight, "(n h) d_model -> n d_model h", h=cfg.d_head)
        state[f"{name}.{mark}b_{letter}"] = rearrange(_bias(linear, cfg), "(n h) -> n h", h=cfg.d_head)
    for norm in ("q_norm", "k_norm"):
        if hasattr(attention, norm):
            state[f"{name}.{norm}.w"] = getattr(attention, norm).weight
    return state


def _feed_forward(name: str, mlp: Any, cfg: HookedTransformerConfig) -> dict[str, Tensor]:
    gated = hasattr(mlp, "gate_proj")
    first, last = (mlp.up_proj, mlp.down_proj) if gated else (mlp.c_fc, mlp.c_proj)
    state = {
        f"{name}.W_in": first.weight.T,
        f"{name}.b_in": _bias(first, cfg),
        f"{name}.W_out": last.weight.T,
        f"{name}.b_out": _bias(last, cfg),
    }
    return state | ({f"{name}.W_gate": mlp.gate_proj.weight.T} if gated else {})


def _bias(linear: Any, cfg: HookedTransformerConfig) -> Tensor:
    return torch.zeros(linear.out_features, dtype=cfg.dtype) if linear.bias is None else linear.bias


def _norm(name: str, norm: Any, cfg: HookedTransformerConfig) -> dict[str, Tensor]:
    weight, bias = getattr(norm, "weight", None), getattr(norm, "bias", None)
    state = {f"{name}.w": torch.ones(cfg.d_model, dtype=cfg.dtype) if weight is None else weight}
    if cfg.normalization_type == "LN":
        state[f"{name}.b"] = torch.zeros(cfg.d_model, dtype=cfg.dtype) if bias is None else bias
    return state
