"""What new tokens see of the own columns: worked out once for a pass over all layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from workbench.sweep.plan import Gap, Plan


def hidden(
    query_positions: Int[Tensor, "rows query"],
    key_positions: Int[Tensor, "#rows column"],
    window: int | None,
    dtype: torch.dtype,
    visible: Bool[Tensor, "rows query column"] | None = None,
) -> Float[Tensor, "rows query column"]:
    """What is added to scores: minus infinity where a query does not see a column, else zero.

    Args:
        query_positions: in the text.
        key_positions: in the text.
        window: how many positions a query of the layer sees, its own among them; None: all.
        dtype: of the scores.
        visible: what is seen apart from the window; None: every position up to the query's own.
    """
    columns = key_positions.unsqueeze(1)
    seen = columns <= query_positions.unsqueeze(-1) if visible is None else visible
    if window is not None:
        seen = seen & (columns > query_positions.unsqueeze(-1) - window)
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill(~seen, float("-inf"))


@dataclass(frozen=True)
class Columns:
    """The own columns of a walk: the prompts' tokens, then a draft of the completions, then what was decoded."""

    before: int
    """Columns that earlier passes wrote."""
    new: int
    """Columns that this pass writes."""
    draft: int = 0
    """Columns of the draft; zero if there is none."""
    accepted: Sequence[int] = ()
    """How many of the draft's columns are part of each row's completion: it sees no others."""

    @property
    def end(self) -> int:
        """One past the last column that holds anything."""
        return self.before + self.new

    def shown(self, least: int) -> int:
        """Columns that queries are compared with, at least so many."""
        return max(self.end, least)


@dataclass(frozen=True)
class Sight:
    """What the new tokens of some rows see."""

    positions: Int[Tensor, "rows query"]
    """Of the new tokens in their texts."""
    key_positions: Int[Tensor, "rows column"]
    visible: Bool[Tensor, "rows query column"]
    zeroed: Bool[Tensor, "rows query column"] | None
    """Columns whose weight is set to zero after the softmax."""
    blind: bool
    """Whether there may be a token that sees nothing."""

    def to(self, device: torch.device) -> Sight:
        """The same on another device."""
        zeroed = None if self.zeroed is None else self.zeroed.to(device)
        positions, key_positions = self.positions.to(device), self.key_positions.to(device)
        return Sight(positions, key_positions, self.visible.to(device), zeroed, self.blind)

    def without(self, gap: Gap, *, behind: int, new: bool) -> Sight:
        """The same without some own columns, which stand behind those of the context; `new`: they are queries too."""

        def cut(of_columns: Tensor) -> Tensor:
            of_queries = gap.closed(of_columns, 1) if new else of_columns
            return gap.closed(of_queries, 2, behind=behind)

        return Sight(
            gap.closed(self.positions, 1) if new else self.positions,
            gap.closed(self.key_positions, 1, behind=behind),
            cut(self.visible),
            None if self.zeroed is None else cut(self.zeroed),
            self.blind,
        )

    def hiding(self, window: int | None, dtype: torch.dtype) -> Float[Tensor, "rows query column"]:
        """What is added to scores at layers with that window."""
        return hidden(self.positions, self.key_positions, window, dtype, self.visible)


def sight(plan: Plan, rows: Sequence[int], columns: Columns, lead: Sequence[int], *, clean: bool) -> Sight:
    """What the new tokens of rows see.

    Args:
        plan: the batch.
        rows: the rows; of a trunk any one that shares it.
        columns: the own columns.
        lead: positions of context columns that stand before the own ones.
        clean: whether nothing is hidden: for trunks.
    """
    device = plan.device
    prompts = torch.tensor([plan.rows[row].prompt for row in rows], dtype=torch.long, device=device)
    places = torch.arange(columns.shown(plan.least), device=device)
    shift = (plan.prefix + plan.lengths[prompts] - plan.width).unsqueeze(1)
    positions = places + shift
    width = min(plan.width, len(places))
    real = torch.ones(len(rows), len(places), dtype=torch.bool, device=device)
    real[:, :width] = plan.own_real[prompts, :width]
    if columns.draft:
        of_rows = [columns.accepted[row] for row in rows]
        accepted = torch.tensor(of_rows, dtype=torch.long, device=device).unsqueeze(1)
        end = plan.width + columns.draft
        real[:, plan.width : end] = places[plan.width : end] < plan.width + accepted
        positions = torch.where(places < end, positions, positions - (columns.draft - accepted))
    positions = positions.clamp(min=0, max=plan.model.window - 1)
    queries = places[columns.before : columns.end].unsqueeze(1)
    # Padding sees itself, so that no row is without keys.
    visible = (places <= queries) & (real.unsqueeze(1) | (places == queries))
    zeroed = None
    if not clean:
        visible, zeroed = _under_masks(plan, rows, visible, places, queries)
    query_positions = positions[:, columns.before : columns.end]
    if lead:
        context = torch.tensor(lead, device=device).expand(len(rows), -1)
        positions = torch.cat([context, positions], dim=1)
        visible = torch.cat([visible.new_ones(*visible.shape[:2], len(lead)), visible], dim=2)
        if zeroed is not None:
            zeroed = torch.cat([zeroed.new_zeros(*zeroed.shape[:2], len(lead)), zeroed], dim=2)
    blind = not bool(visible.any(-1).all())
    return Sight(query_positions, positions, visible, zeroed, blind)


def _under_masks(
    plan: Plan,
    rows: Sequence[int],
    visible: Bool[Tensor, "rows query column"],
    places: Int[Tensor, " column"],
    queries: Int[Tensor, "query 1"],
) -> tuple[Bool[Tensor, "rows query column"], Bool[Tensor, "rows query column"] | None]:
    """What rows under masks see of the own columns, and what is set to zero after the softmax."""
    index = torch.tensor(list(rows), dtype=torch.long, device=plan.device)
    later = plan.hides_completion[index].unsqueeze(1).expand(-1, max(0, len(places) - plan.width))
    hides = torch.cat([plan.hidden[index][:, : len(places)], later], dim=1)
    if not hides.any():
        return visible, None
    masks = [plan.conditions[plan.rows[row].condition] for row in rows]
    sees_itself, renormalise = (
        torch.tensor([getattr(mask, name, True) for mask in masks], dtype=torch.bool, device=plan.device)[:, None, None]
        for name in ("sees_itself", "renormalise")
    )
    hidden_columns = hides.unsqueeze(1) & ~((places == queries) & sees_itself)
    zeroed = hidden_columns & ~renormalise
    return visible & ~(hidden_columns & renormalise), zeroed if zeroed.any() else None
