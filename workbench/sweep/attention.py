"""One layer of a HookedTransformer with its attention computed over a shared context and own tokens.

Normalisation, rotary tables and embeddings stay the model's own modules, and so does a feed-forward without gate. The
products of attention are written here, because no library attends to keys that many rows share without copying them;
those of a gated feed-forward, because most of its biases are zeros that cost as much to add as others. Keys lie with their
columns last and heads in front, as the products want them. Weight matrices are reshaped once, as views where the
checkpoint's layout allows it; small ones are laid side by side: one product makes queries, keys and values, and one
what a gated feed-forward multiplies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from workbench.errors import UserError
from workbench.models.architectures.bloom import alibi_slopes
from workbench.sweep.edits import Edited, untouched
from workbench.sweep.rotation import Rotation

NORMS_LAST = ("Olmo2ForCausalLM", "Olmo3ForCausalLM")
"""Architectures whose norms stand behind attention and feed-forward."""
COPIED = 2**21
"""Numbers: weights of a layer that are multiplied by the same are copied side by side up to this size."""


@dataclass(frozen=True)
class Keys:
    """Keys and values that queries attend to. Without an axis of rows, all rows share them."""

    key: Float[Tensor, "*rows kv_head d_head column"]
    value: Float[Tensor, "*rows kv_head column d_head"]
    positions: Int[Tensor, "#row column"]
    """In the text."""
    hiding: Float[Tensor, "#row query column"] | None
    """Zero, and minus infinity where a query does not see a column; None: every query sees every column."""
    zeroed: Bool[Tensor, "#row #query column"] | None = None
    """Columns whose weight is set to zero after the softmax."""


Attend = Callable[
    [
        Float[Tensor, "rows token head d_head"],
        Float[Tensor, "rows token kv_head d_head"],
        Float[Tensor, "rows token kv_head d_head"],
    ],
    Float[Tensor, "rows token head d_head"],
]


class Layer:
    """A block whose attention is left to the caller."""

    def __init__(self, block: Any, index: int) -> None:
        self.index = index
        self._block = block
        attention = block.attn
        self._attention = attention
        self._cfg = block.cfg
        self.n_heads, _, self.d_head = attention.W_Q.shape
        self.kv_heads = int(self._cfg.n_key_value_heads or self.n_heads)
        self.device: torch.device = attention.W_Q.device
        rotary = self._cfg.positional_embedding_type == "rotary"
        self._rotation = Rotation(attention, self._cfg) if rotary else None
        self._projections = self._laid_out_projections()
        self._output_bias = _unless_zero(attention.b_O)
        self._output = rearrange(attention.W_O, "head d_head d_model -> d_model (head d_head)")
        mlp = block.mlp
        self._gated = type(mlp).__name__ == "GatedMLP" and not self._cfg.is_layer_norm_activation()
        self._entrance = self._laid_out_entrance(mlp) if self._gated else []
        self._inner_bias = _unless_zero(mlp.b_in) if self._gated else None
        self._outer_bias = _unless_zero(mlp.b_out) if self._gated else None
        self._post_norm = self._cfg.original_architecture in NORMS_LAST
        alibi = self._cfg.positional_embedding_type == "alibi"
        self._slopes = alibi_slopes(self.n_heads).to(attention.W_Q.device) if alibi else None
        self.window: int | None = self._cfg.window_size if attention.attn_type == "local" else None

    def reach(self, longest: int) -> None:
        """Make ready for texts of so many tokens."""
        if self._rotation is not None:
            self._rotation.reach(longest)

    def _laid_out_projections(self) -> list[tuple[Tensor, Tensor | None]]:
        """Weight and bias of query, key and value; one for all where the weights are small enough to be copied."""
        attention = self._attention
        # Grouped-query attention keeps its few key and value heads in private parameters.
        own = "" if self._cfg.n_key_value_heads is None else "_"
        named = ("W_Q", "b_Q"), (f"{own}W_K", f"{own}b_K"), (f"{own}W_V", f"{own}b_V")
        parts = [(getattr(attention, weight), getattr(attention, bias)) for weight, bias in named]
        copied = sum(weight.numel() for weight, _ in parts) <= COPIED
        self._in_pairs = copied and self._rotation is not None and self._rotation.in_pairs
        if self._in_pairs:
            assert self._rotation is not None
            turned = [tuple(map(self._rotation.paired, part)) for part in parts[:2]]
            parts = [*((weight, bias) for weight, bias in turned), parts[2]]
        flat = [(_stacked(weight), bias.reshape(-1)) for weight, bias in parts]
        if copied:
            flat = [(torch.cat([weight for weight, _ in flat]), torch.cat([bias for _, bias in flat]))]
        return [(weight, _unless_zero(bias)) for weight, bias in flat]

    @staticmethod
    def _laid_out_entrance(mlp: Any) -> list[Tensor]:
        """Weights of gate and entrance of a gated feed-forward; side by side where they are small enough to be copied."""
        parts = [mlp.W_gate.T, mlp.W_in.T]
        return [torch.cat(parts)] if 2 * mlp.W_in.numel() <= COPIED else parts

    def forward(
        self,
        residual: Float[Tensor, "rows token d_model"],
        positions: Int[Tensor, "rows token"],
        attend: Attend,
        edited: Edited = untouched,
    ) -> Float[Tensor, "rows token d_model"]:
        """The residual stream after the block.

        Args:
            residual: what enters the block.
            positions: of the tokens in their texts.
            attend: gets rotated queries and keys, and values, and returns z.
            edited: what is written over on the way.
        """
        block, cfg = self._block, self._cfg
        residual = edited("resid_pre", residual)
        normalised = residual if self._post_norm else block.ln1(residual)
        query, key, value = self._projected(normalised, positions)
        z = edited("z", attend(query, key, value))
        out = functional.linear(z.flatten(-2), self._output, self._output_bias)
        if cfg.use_normalization_before_and_after:
            out = block.ln1_post(out)
        if self._post_norm:
            out = block.ln1(out)
        out = edited("attn_out", out)
        if cfg.parallel_attn_mlp:
            return residual + out + edited("mlp_out", self._feed_forward(block.ln2(residual)))
        middle = out.add_(residual)
        # Where norms come last, ln2 stands behind the feed-forward.
        return edited("mlp_out", self._feed_forward(middle if self._post_norm else block.ln2(middle))).add_(middle)

    def _feed_forward(self, normalised: Float[Tensor, "rows token d_model"]) -> Float[Tensor, "rows token d_model"]:
        """The block's feed-forward and the norms behind it; gated ones without adding biases that are zero."""
        block, mlp = self._block, self._block.mlp
        if not self._gated:
            return block.apply_mlp(normalised)
        made = [functional.linear(normalised, weight) for weight in self._entrance]
        gate, up = made[0].chunk(2, dim=-1) if len(made) == 1 else made
        # Written over where possible, here and below: fresh memory costs more than the sum.
        inside = mlp.act_fn(gate).mul_(up)
        if self._inner_bias is not None:
            inside = inside + self._inner_bias
        out = functional.linear(inside, mlp.W_out.T, self._outer_bias)
        if self._cfg.use_normalization_before_and_after:
            out = block.ln2_post(out)
        return block.ln2(out) if self._post_norm else out

    def _projected(
        self, normalised: Float[Tensor, "rows token d_model"], positions: Int[Tensor, "rows token"]
    ) -> tuple[
        Float[Tensor, "rows token head d_head"],
        Float[Tensor, "rows token kv_head d_head"],
        Float[Tensor, "rows token kv_head d_head"],
    ]:
        """Queries and keys, rotated where the model rotates them, and values."""
        attention, clip = self._attention, self._cfg.clip_qkv
        made = [functional.linear(normalised, weight, bias) for weight, bias in self._projections]
        if clip is not None and attention.q_norm is None:
            made = [each.clamp(-clip, clip) for each in made]
        widths = [self.n_heads * self.d_head, self.kv_heads * self.d_head, self.kv_heads * self.d_head]
        if self._in_pairs and self._rotation is not None:
            both, value = made[0].split([widths[0] + widths[1], widths[2]], dim=-1)
            turned = self._rotation.pairs(self._heads(both), positions)
            return turned[:, :, : self.n_heads], turned[:, :, self.n_heads :], self._heads(value)
        query, key, value = made[0].split(widths, dim=-1) if len(made) == 1 else made
        if attention.q_norm is not None and not self._cfg.use_qk_norm:
            # OLMo 2 normalises over all heads at once.
            query, key = attention.q_norm(query), attention.k_norm(key)
        query, key, value = self._heads(query), self._heads(key), self._heads(value)
        if self._cfg.use_qk_norm:
            query = attention.q_norm(query.reshape(-1, self.d_head)).reshape(query.shape)
            key = attention.k_norm(key.reshape(-1, self.d_head)).reshape(key.shape)
        if clip is not None and attention.q_norm is not None:
            query, key, value = (each.clamp(-clip, clip) for each in (query, key, value))
        if self._rotation is None:
            return query, key, value
        return self._rotation.halves(query, positions), self._rotation.halves(key, positions), value

    def attend(
        self,
        query: Float[Tensor, "rows query head d_head"],
        query_positions: Int[Tensor, "rows query"],
        sources: Sequence[Keys],
        *,
        blind: bool = False,
    ) -> Float[Tensor, "rows query head d_head"]:
        """Attention over several sets of keys at once.

        Args:
            query: rotated queries.
            query_positions: in the text.
            sources: what they attend to.
            blind: whether there may be a query that sees no column at all; it then reads nothing.
        """
        tokens = query.shape[1]
        scale = float(self._attention.attn_scale)
        # Reshaped by hand, as in all that follows: einops takes longer than a small product.
        grouped = query.unflatten(2, (self.kv_heads, -1)).permute(0, 2, 3, 1, 4).flatten(2, 3)
        grouped = grouped if scale == 1.0 else grouped / scale
        scores = [self._scores(grouped, query_positions, keys) for keys in sources]
        weights = (torch.cat(scores, dim=-1) if len(scores) > 1 else scores[0]).softmax(dim=-1)
        if blind:
            weights = torch.nan_to_num(weights, nan=0.0)
        z: Tensor | None = None
        for keys, weight in zip(sources, weights.split([keys.key.shape[-1] for keys in sources], dim=-1), strict=True):
            part = _times(_without(weight, keys.zeroed, tokens), keys.value)
            z = part if z is None else z + part
        assert z is not None
        return z.unflatten(2, (-1, tokens)).permute(0, 3, 1, 2, 4).flatten(2, 3)

    def _scores(
        self, grouped: Float[Tensor, "rows kv_head line d_head"], query_positions: Int[Tensor, "rows query"], keys: Keys
    ) -> Float[Tensor, "rows kv_head line column"]:
        """Scores with the model's softcap, and less for distance where it has no other positions (ALiBi)."""
        score = _times(grouped, keys.key)
        cap = self._cfg.attn_scores_soft_cap
        if cap > 0:
            score = cap * torch.tanh(score / cap)
        if self._slopes is not None:
            distance = query_positions.unsqueeze(-1) - keys.positions.unsqueeze(1)
            slopes = self._slopes.view(1, self.kv_heads, -1, 1, 1)
            score = (score.unflatten(2, (-1, query_positions.shape[1])) - slopes * distance[:, None, None]).flatten(
                2, 3
            )
            score = score.to(grouped.dtype)
        if keys.hiding is not None:
            score.unflatten(2, (-1, query_positions.shape[1])).add_(keys.hiding[:, None, None])
        return score

    def _heads(self, projected: Float[Tensor, "rows token flat"]) -> Float[Tensor, "rows token heads d_head"]:
        return projected.unflatten(-1, (-1, self.d_head))


def layers_of(hooked: Any) -> list[Layer]:
    """The blocks of a HookedTransformer, or a refusal where attention has a part that is not written here."""
    unsupported = unsupported_part(hooked)
    if unsupported:
        raise UserError(f"The fast sweep does not do {unsupported}; use the reference (engine: reference).")
    return [Layer(block, index) for index, block in enumerate(hooked.blocks)]


def unsupported_part(hooked: Any) -> str:
    """What of a HookedTransformer the fast sweep does not compute; empty where it computes all."""
    cfg = hooked.cfg
    if cfg.positional_embedding_type not in ("standard", "rotary", "alibi"):
        return f"positional embeddings of type {cfg.positional_embedding_type}"
    for field in ("use_attention_sinks", "use_logn_attn", "use_dynamic_ntk_rope", "load_in_4bit", "attn_only"):
        if getattr(cfg, field, False):
            return field
    return ""


def laid_out(
    key: Float[Tensor, "rows token kv_head d_head"], value: Float[Tensor, "rows token kv_head d_head"]
) -> tuple[Float[Tensor, "rows kv_head d_head token"], Float[Tensor, "rows kv_head token d_head"]]:
    """Keys and values as `Keys` has them."""
    return key.permute(0, 2, 3, 1), value.permute(0, 2, 1, 3)


def _times(
    left: Float[Tensor, "rows kv_head line inner"], right: Float[Tensor, "*rows kv_head inner outer"]
) -> Float[Tensor, "rows kv_head line outer"]:
    """Products by row and head; a right side that all rows share is never copied."""
    if right.ndim == 4:
        return torch.bmm(left.flatten(0, 1), right.flatten(0, 1)).unflatten(0, left.shape[:2])
    rows = left.shape[0]
    product = torch.bmm(left.transpose(0, 1).flatten(1, 2), right)
    return product.unflatten(1, (rows, -1)).transpose(0, 1)


def _without(
    weight: Float[Tensor, "rows kv_head line column"], zeroed: Bool[Tensor, "#rows #query column"] | None, tokens: int
) -> Float[Tensor, "rows kv_head line column"]:
    """Weights with those of some columns set to zero."""
    if zeroed is None:
        return weight
    return weight.unflatten(2, (-1, tokens)).masked_fill(zeroed[:, None, None], 0.0).flatten(2, 3)


def _stacked(weight: Float[Tensor, "head d_model d_head"]) -> Float[Tensor, "flat d_model"]:
    """Heads side by side, as `linear` wants them: a view where the checkpoint was stored that way."""
    return rearrange(weight, "head d_model d_head -> (head d_head) d_model")


def embedded(hooked: Any, tokens: Int[Tensor, "rows token"], positions: Int[Tensor, "rows token"]) -> Tensor:
    """The residual stream that enters the first layer."""
    residual = hooked.embed(tokens)
    if hooked.cfg.positional_embedding_type == "standard":
        residual = residual + hooked.pos_embed.W_pos[positions]
    return residual


def _unless_zero(bias: Float[Tensor, " flat"]) -> Float[Tensor, " flat"] | None:
    """TransformerLens gives models without biases zeros: adding them would be work for nothing."""
    # The bias of a skeleton, which has shapes alone, may be anything.
    return bias if bias.is_meta or bool((bias != 0).any()) else None
