"""One pass of new own tokens up the layers: what they see, and where their keys and values go."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.sweep.attention import Keys, Layer
from workbench.sweep.context import Context
from workbench.sweep.edits import Edited, Line, untouched
from workbench.sweep.plan import Gap, Plan
from workbench.sweep.rows import Groups
from workbench.sweep.sight import Columns, Sight, hidden, sight
from workbench.sweep.store import TRUNK, Store


class Pass:
    """New tokens of the trunks and of each view's rows. The trunks come first wherever parts stand in a row."""

    def __init__(
        self,
        plan: Plan,
        context: Context,
        store: Store,
        columns: Columns,
        groups: Groups,
        active: Sequence[Sequence[int]],
        real: Sequence[int],
    ) -> None:
        """Work out what holds for all layers; `real` is how many of each group's new tokens are no padding."""
        self._plan, self._context, self._store, self._columns = plan, context, store, columns
        self._active = active
        group_of = {row: number for number, group in enumerate(groups.members) for row in group}
        parts = [[group[0] for group in groups.members], *active]
        self._views = [0, *range(len(plan.views))]
        """The view of each part: trunks see everything."""
        self._lead = [plan.lead(view) for view in self._views]
        self._sights = [
            sight(plan, rows, columns, lead or (), clean=number == 0)
            for number, (rows, lead) in enumerate(zip(parts, self._lead, strict=True))
        ]
        self._seen: dict[tuple[int, torch.device, int | None, Gap], tuple[Sight, Tensor]] = {}
        self._real = [[real[group_of[row]] for row in rows] for rows in parts]
        self._counts: dict[int, list[list[int]]] = {}

    @property
    def trunk_positions(self) -> Int[Tensor, "groups token"]:
        """Positions of the trunks' new tokens in their texts."""
        return self._sights[0].positions

    def through(self, layer: Layer, trunk: Tensor, branches: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """One layer for the trunks that reach it and the rows that have branched off."""
        sizes = [len(trunk), *(len(branch) for branch in branches)]
        there = [number for number, size in enumerate(sizes) if size]
        split = [sizes[number] for number in there]
        positions = _joined([self._seen_at(layer, number)[0].positions[: sizes[number]] for number in there])

        def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            parts = zip(there, query.split(split), key.split(split), value.split(split), strict=True)
            return _joined([self._attend(layer, *part) for part in parts])

        entering = _joined([each for each in (trunk, *branches) if len(each)])
        out = layer.forward(entering, positions, attend, self._edited(layer.index, sizes))
        counted = self._counted(entering.shape[1])
        self._plan.counts.layer_tokens += sum(of_part[size] for of_part, size in zip(counted, sizes, strict=True))
        trunk, *branches = out.split(sizes)
        return trunk, list(branches)

    def _counted(self, tokens: int) -> list[list[int]]:
        """Of each part, the real tokens of its first rows, none to all, where each row still has so many tokens.

        Padding stands on the left, and where some have been dropped it went first.
        """
        if tokens not in self._counts:
            kept = [(min(real, tokens) for real in of_part) for of_part in self._real]
            self._counts[tokens] = [[0, *accumulate(of_part)] for of_part in kept]
        return self._counts[tokens]

    def _seen_at(self, layer: Layer, part: int) -> tuple[Sight, Float[Tensor, "rows query column"]]:
        """What a part sees at a layer, and how that is added to scores: the same for layers alike."""
        dropped = self._plan.unread(layer.index)
        key = part, layer.device, layer.window, dropped
        if key not in self._seen:
            seen = self._sights[part].to(layer.device)
            if dropped.width:
                seen = seen.without(dropped, behind=len(self._lead[part] or ()), new=self._columns.before == 0)
            self._seen[key] = seen, seen.hiding(layer.window, self._plan.dtype)
        return self._seen[key]

    def _attend(
        self,
        layer: Layer,
        part: int,
        query: Float[Tensor, "rows token head d_head"],
        key: Float[Tensor, "rows token kv_head d_head"],
        value: Float[Tensor, "rows token kv_head d_head"],
    ) -> Float[Tensor, "rows token head d_head"]:
        """Attention of a part: the prefix as it sees it, then own columns."""
        size, view = len(query), self._views[part]
        context = self._context.seen_by(view, layer.index)
        lead = context if self._lead[part] is not None else None
        seen, hiding = self._seen_at(layer, part)
        positions = seen.positions[:size]
        zeroed = None if seen.zeroed is None else seen.zeroed[:size]
        place = layer.index, TRUNK if part == 0 else view
        shown = self._columns.shown(self._plan.least)
        stored = self._store.write(place, key, value, self._columns.before, lead, shown)
        sources = [Keys(*stored, seen.key_positions[:size], hiding[:size], zeroed)]
        if context is not None and lead is None:
            if layer.window is not None:
                near = hidden(positions, context.positions, layer.window, self._plan.dtype)
                context = Keys(context.key, context.value, context.positions, near, context.zeroed)
            sources.insert(0, context)
        return layer.attend(query, positions, sources, blind=seen.blind or layer.window is not None)

    def _edited(self, layer: int, sizes: Sequence[int]) -> Edited:
        """What conditions write over at a layer, in the rows of the views: the trunks stay clean."""
        plan, columns = self._plan, self._columns
        at_layer = plan.edits.at(layer)
        if not at_layer:
            return untouched
        lines = []
        place = sizes[0]
        for rows, size in zip(self._active, sizes[1:], strict=True):
            for row in rows[:size]:
                of_row = plan.rows[row]
                if of_row.condition in at_layer:
                    where = [plan.writes_completion[row]] * columns.new if columns.before else plan.written[row]
                    first = len(plan.prompts[of_row.prompt].token_ids) - plan.width + columns.before
                    positions = range(first, first + columns.new)
                    lines.append(Line(place, of_row.condition, of_row.prompt, positions, where))
                place += 1
        return plan.edits.writing(layer, lines)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """Parts behind one another; a single one is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))
