"""Rotary positions, from the model's own tables.

Rotating a pair of numbers is multiplying a complex one. Where query and key weights are copied anyway, their rows are
put in such an order that the pairs are neighbours: one product then rotates all queries and keys of a layer. Scores do
not feel the order, since it is the same for both.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor


class Rotation:
    """Turns queries and keys of one layer by their positions in the text."""

    def __init__(self, attention: Any, cfg: Any) -> None:
        self._attention, self._cfg = attention, cfg
        self.in_pairs = (
            cfg.rotary_dim == cfg.d_head
            and attention.q_norm is None
            and attention.W_Q.dtype in (torch.float32, torch.float64)
        )
        """Whether pairs may be made neighbours: norms within a head, and what is not rotated, have their places."""
        self._turns: Complex[Tensor, "position pair"] | None = None

    def reach(self, longest: int) -> None:
        """Make the tables long enough for texts of so many tokens."""
        if longest > self._attention.rotary_cos.shape[0]:
            self._attention._extend_rotary_embeddings(longest)
        if self.in_pairs and (self._turns is None or longest > len(self._turns)):
            kept = slice(None, None, 2) if self._cfg.rotary_adjacent_pairs else slice(self._cfg.rotary_dim // 2)
            self._turns = torch.complex(*(table[:longest, kept] for table in self._tables))

    def paired(self, weight: Float[Tensor, "head *axes d_head"]) -> Float[Tensor, "head *axes d_head"]:
        """Weights or biases whose output has its pairs side by side."""
        if self._cfg.rotary_adjacent_pairs:
            return weight
        return weight.unflatten(-1, (2, -1)).transpose(-1, -2).flatten(-2)

    def pairs(
        self, heads: Float[Tensor, "rows token head d_head"], positions: Int[Tensor, "rows token"]
    ) -> Float[Tensor, "rows token head d_head"]:
        """Queries and keys whose pairs are neighbours, rotated."""
        assert self._turns is not None  # `reach` comes first.
        turned = torch.view_as_complex(heads.unflatten(-1, (-1, 2))) * self._turns[positions].unsqueeze(2)
        return torch.view_as_real(turned).flatten(-2)

    def halves(
        self, heads: Float[Tensor, "rows token head d_head"], positions: Int[Tensor, "rows token"]
    ) -> Float[Tensor, "rows token head d_head"]:
        """Queries or keys in the model's own order, rotated."""
        width = self._cfg.rotary_dim
        cosine, sine = (table[positions].unsqueeze(2) for table in self._tables)
        turned = heads[..., :width]
        turned = turned * cosine + self._attention.rotate_every_two(turned) * sine
        return turned if width == heads.shape[-1] else torch.cat([turned, heads[..., width:]], dim=-1)

    @property
    def _tables(self) -> tuple[Tensor, Tensor]:
        return self._attention.rotary_cos, self._attention.rotary_sin
