"""One layer of a HookedTransformer with its attention computed over a shared context and own tokens.

Normalisation, rotary tables, feed-forward and embeddings stay the model's own modules; only the products of attention
are written here, because no library attends to keys that many rows share without copying them. Weight matrices are
reshaped once, as views where the checkpoint's layout allows it.
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

_NORMS_LAST = ("Olmo2ForCausalLM", "Olmo3ForCausalLM")
"""Architectures whose norms stand behind attention and feed-forward."""


@dataclass(frozen=True)
class Keys:
    """Keys and values that queries attend to, with their positions in the text."""

    key: Float[Tensor, "*rows column kv_head d_head"]
    value: Float[Tensor, "*rows column kv_head d_head"]
    positions: Int[Tensor, "*rows column"]
    visible: Bool[Tensor, "rows query column"] | None
    """None: every query sees every column (positions after the query's own are never among them)."""
    zeroed: Bool[Tensor, "rows query column"] | None = None
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
        self._query = _stacked(attention.W_Q)
        # Grouped-query attention keeps its few key and value heads in private parameters.
        grouped = self._cfg.n_key_value_heads is not None
        self._key = _stacked(attention._W_K if grouped else attention.W_K)
        self._value = _stacked(attention._W_V if grouped else attention.W_V)
        self._key_bias = (attention._b_K if grouped else attention.b_K).reshape(-1)
        self._value_bias = (attention._b_V if grouped else attention.b_V).reshape(-1)
        self._query_bias = attention.b_Q.reshape(-1)
        self._output = rearrange(attention.W_O, "head d_head d_model -> d_model (head d_head)")
        self._post_norm = self._cfg.original_architecture in _NORMS_LAST
        alibi = self._cfg.positional_embedding_type == "alibi"
        self._slopes = alibi_slopes(self.n_heads).to(attention.W_Q.device) if alibi else None
        self.window: int | None = self._cfg.window_size if attention.attn_type == "local" else None

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
        query, key, value = self._projected(normalised)
        if cfg.positional_embedding_type == "rotary":
            cosine, sine = self._rotary(positions)
            query, key = self._rotate(query, cosine, sine), self._rotate(key, cosine, sine)
        z = edited("z", attend(query, key, value))
        out = functional.linear(z.flatten(-2), self._output, self._attention.b_O)
        if cfg.use_normalization_before_and_after:
            out = block.ln1_post(out)
        if self._post_norm:
            out = block.ln1(out)
        out = edited("attn_out", out)
        if cfg.parallel_attn_mlp:
            return residual + out + edited("mlp_out", block.apply_mlp(block.ln2(residual)))
        middle = residual + out
        # Where norms come last, the block's own method puts ln2 behind the feed-forward.
        return middle + edited("mlp_out", block.apply_mlp(middle if self._post_norm else block.ln2(middle)))

    def _projected(
        self, normalised: Float[Tensor, "rows token d_model"]
    ) -> tuple[
        Float[Tensor, "rows token head d_head"],
        Float[Tensor, "rows token kv_head d_head"],
        Float[Tensor, "rows token kv_head d_head"],
    ]:
        """Queries, keys and values by head, normalised and clipped as the model does it."""
        query = functional.linear(normalised, self._query, self._query_bias)
        key = functional.linear(normalised, self._key, self._key_bias)
        value = functional.linear(normalised, self._value, self._value_bias)
        attention, clip = self._attention, self._cfg.clip_qkv
        if attention.q_norm is not None and not self._cfg.use_qk_norm:
            # OLMo 2 normalises over all heads at once.
            query, key = attention.q_norm(query), attention.k_norm(key)
        query, key, value = self._heads(query), self._heads(key), self._heads(value)
        if self._cfg.use_qk_norm:
            query = attention.q_norm(query.reshape(-1, self.d_head)).reshape(query.shape)
            key = attention.k_norm(key.reshape(-1, self.d_head)).reshape(key.shape)
        if clip is not None:
            query, key, value = (each.clamp(-clip, clip) for each in (query, key, value))
        return query, key, value

    def attend(
        self,
        query: Float[Tensor, "rows query head d_head"],
        query_positions: Int[Tensor, "rows query"],
        sources: Sequence[Keys],
    ) -> Float[Tensor, "rows query head d_head"]:
        """Attention over several sets of keys at once: those of a set without rows are shared by all rows."""
        grouped = rearrange(query, "row query (kv group) d -> row query kv group d", kv=sources[0].key.shape[-2])
        scores = []
        for keys in sources:
            shared = keys.key.ndim == 3
            pattern = "rqhgd,khd->rhgqk" if shared else "rqhgd,rkhd->rhgqk"
            score = torch.einsum(pattern, grouped, keys.key) / self._attention.attn_scale
            score = self._biased(score, keys, query_positions)
            visible = self._in_window(keys, query_positions)
            scores.append(score if visible is None else score.masked_fill(~visible[:, None, None], float("-inf")))
        weights = torch.cat(scores, dim=-1).softmax(dim=-1)
        # A row that may see nothing, not even itself, reads nothing.
        weights = torch.nan_to_num(weights, nan=0.0)
        z: Tensor | None = None
        for keys, weight in zip(sources, weights.split([keys.key.shape[-3] for keys in sources], dim=-1), strict=True):
            kept = weight if keys.zeroed is None else weight.masked_fill(keys.zeroed[:, None, None], 0.0)
            pattern = "rhgqk,khd->rqhgd" if keys.value.ndim == 3 else "rhgqk,rkhd->rqhgd"
            part = torch.einsum(pattern, kept, keys.value)
            z = part if z is None else z + part
        assert z is not None
        return rearrange(z, "row query kv group d -> row query (kv group) d")

    def _biased(
        self, score: Float[Tensor, "rows kv group query column"], keys: Keys, query_positions: Int[Tensor, "rows query"]
    ) -> Float[Tensor, "rows kv group query column"]:
        """Scores with the model's softcap, and less for distance where it has no other positions (ALiBi)."""
        cap = self._cfg.attn_scores_soft_cap
        if cap > 0:
            score = cap * torch.tanh(score / cap)
        if self._slopes is None:
            return score
        columns = keys.positions if keys.positions.ndim == 2 else keys.positions.unsqueeze(0)
        distance = query_positions.unsqueeze(-1) - columns.unsqueeze(1)
        slopes = self._slopes.view(1, score.shape[1], score.shape[2], 1, 1)
        return (score - slopes * distance[:, None, None]).to(score.dtype)

    def _in_window(
        self, keys: Keys, query_positions: Int[Tensor, "rows query"]
    ) -> Bool[Tensor, "rows query column"] | None:
        if self.window is None:
            return keys.visible
        columns = keys.positions if keys.positions.ndim == 2 else keys.positions.unsqueeze(0)
        near = columns.unsqueeze(1) > query_positions.unsqueeze(-1) - self.window
        return near if keys.visible is None else near & keys.visible

    def _heads(self, projected: Float[Tensor, "rows token flat"]) -> Float[Tensor, "rows token heads d_head"]:
        return projected.unflatten(-1, (-1, self.d_head))

    def _rotary(
        self, positions: Int[Tensor, "rows token"]
    ) -> tuple[Float[Tensor, "rows token 1 rotary"], Float[Tensor, "rows token 1 rotary"]]:
        longest = int(positions.max()) + 1
        if longest > self._attention.rotary_cos.shape[0]:
            self._attention._extend_rotary_embeddings(min(self._cfg.n_ctx, 2 * longest))
        table = self._attention
        return table.rotary_cos[positions].unsqueeze(2), table.rotary_sin[positions].unsqueeze(2)

    def _rotate(
        self,
        heads: Float[Tensor, "rows token head d_head"],
        cosine: Float[Tensor, "rows token 1 rotary"],
        sine: Float[Tensor, "rows token 1 rotary"],
    ) -> Float[Tensor, "rows token head d_head"]:
        width = self._cfg.rotary_dim
        turned = heads[..., :width]
        turned = turned * cosine + self._attention.rotate_every_two(turned) * sine
        return turned if width == self.d_head else torch.cat([turned, heads[..., width:]], dim=-1)


def layers_of(hooked: Any) -> list[Layer]:
    """The blocks of a HookedTransformer, or a refusal where attention has a part that is not written here."""
    unsupported = unsupported_part(hooked)
    if unsupported:
        raise UserError(f"The fast sweep does not do {unsupported}; use the reference (engine: reference).")
    return [Layer(block, index) for index, block in enumerate(hooked.blocks)]


def unsupported_part(hooked: Any) -> str:
    """What of a HookedTransformer the fast sweep does not compute; empty where it computes all."""
    cfg = hooked.cfg
    if len({parameter.device for parameter in hooked.parameters()}) > 1:
        return "a model on several devices"
    if cfg.positional_embedding_type not in ("standard", "rotary", "alibi"):
        return f"positional embeddings of type {cfg.positional_embedding_type}"
    for field in ("use_attention_sinks", "use_logn_attn", "use_dynamic_ntk_rope", "load_in_4bit", "attn_only"):
        if getattr(cfg, field, False):
            return field
    return ""


def _stacked(weight: Float[Tensor, "head d_model d_head"]) -> Float[Tensor, "flat d_model"]:
    """Heads side by side, as `linear` wants them: a view where the checkpoint was stored that way."""
    return rearrange(weight, "head d_model d_head -> (head d_head) d_model")


def embedded(hooked: Any, tokens: Int[Tensor, "rows token"], positions: Int[Tensor, "rows token"]) -> Tensor:
    """The residual stream that enters the first layer."""
    residual = hooked.embed(tokens)
    if hooked.cfg.positional_embedding_type == "standard":
        residual = residual + hooked.pos_embed.W_pos[positions]
    return residual
