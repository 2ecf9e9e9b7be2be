"""BLOOM: no positions but a bias on attention scores that falls with distance (ALiBi), each head at its own slope."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens import HookedTransformer
from transformer_lens.components import Attention
from transformer_lens.pretrained.weight_conversions import convert_bloom_weights
from transformers import PreTrainedConfig

from workbench.models.architectures.architecture import Architecture

WINDOW = 2048
"""Tokens of the texts that every BLOOM was trained on; most of its configs do not say so."""
_NO_LIMIT = 2**30


def alibi_slopes(n_heads: int) -> Float[Tensor, " head"]:
    """Slope of each head's bias (Press et al. 2022).

    A geometric sequence where the number of heads is a power of two; otherwise that of the power of two below,
    followed by every second slope of the power of two above.
    """
    power = 2 ** math.floor(math.log2(n_heads))
    slopes = [2 ** (-8 * (head + 1) / power) for head in range(power)]
    between = [2 ** (-8 * (2 * head + 1) / (2 * power)) for head in range(n_heads - power)]
    return torch.tensor(slopes + between)


class AlibiAttention(Attention):
    """Attention that adds the biases itself.

    HookedTransformer's table has wrong slopes where the number of heads is no power of two, takes room that grows
    with the square of the length in every layer, and once grown for a long text changes the rounding of short ones.
    """

    @property
    def alibi(self) -> Float[Tensor, "1 query key"]:  # type: ignore[override]
        """The table that HookedTransformer would add: nothing, for texts of any length."""
        return torch.zeros(1, 1, 1, device=self.W_Q.device).expand(1, _NO_LIMIT, _NO_LIMIT)

    def calculate_attention_scores(self, q: Tensor, k: Tensor) -> Tensor:
        """Scores with their biases, (batch, head, query, key); queries are the last of the keys' positions."""
        scores = super().calculate_attention_scores(q, k)
        queries, keys = scores.shape[-2:]
        positions = torch.arange(keys, device=scores.device)
        distance = positions[keys - queries :].unsqueeze(1) - positions
        slopes = alibi_slopes(self.cfg.n_heads).to(scores.device)
        return (scores - slopes[:, None, None] * distance).to(scores.dtype)


def _prepare(hooked: HookedTransformer) -> None:
    # Made for every model without rotary positions, never read here, and as wide as the model.
    del hooked.pos_embed
    for block in hooked.blocks:
        block.attn.__class__ = AlibiAttention


def _settings(config: PreTrainedConfig) -> dict[str, Any]:
    return {
        "n_layers": config.n_layer,
        "d_model": config.hidden_size,
        "n_heads": config.n_head,
        "d_head": config.hidden_size // config.n_head,
        "d_mlp": 4 * config.hidden_size,
        "d_vocab": config.vocab_size,
        "n_ctx": getattr(config, "seq_length", None) or WINDOW,
        "act_fn": "gelu_fast",
        "normalization_type": "LN",
        "eps": config.layer_norm_epsilon,
        "post_embedding_ln": True,
        "positional_embedding_type": "alibi",
    }


def _problem(config: PreTrainedConfig) -> str | None:
    if config.apply_residual_connection_post_layernorm:
        return "its residual stream is taken after the norms (apply_residual_connection_post_layernorm)"
    return None


BLOOM = Architecture(
    class_name="BloomForCausalLM",
    model_type="bloom",
    label="BLOOM",
    settings=_settings,
    problem=_problem,
    weights=convert_bloom_weights,
    prepare=_prepare,
)
