"""The walk of own tokens up the layers: one trunk for each group of rows, and the rows that have branched off it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from workbench.sweep.attention import Keys, Layer, embedded
from workbench.sweep.context import Context
from workbench.sweep.edits import Edited, Line, untouched
from workbench.sweep.plan import Plan
from workbench.sweep.rows import Groups


class Walk:
    """The own tokens of all rows on their way up the layers, and the keys and values that they leave there."""

    def __init__(self, plan: Plan, groups: Groups) -> None:
        self.plan = plan
        self.context = Context(plan)
        self.groups = groups
        self.columns = 0
        longest = max((prompt.max_new_tokens for prompt in plan.prompts), default=0)
        self._capacity = plan.width + longest
        self._trunk: dict[int, tuple[Tensor, Tensor]] = {}
        self._branches: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        self._active: list[list[int]] = []
        self._arrange(range(len(plan.rows)))

    def _arrange(self, rows: Sequence[int]) -> None:
        """Rows of each view, those that branch off first in front."""
        plan = self.plan
        self._active = [[] for _ in plan.views]
        for row in sorted(rows, key=lambda row: plan.rows[row].first_layer):
            if plan.rows[row].first_layer < plan.n_layers:
                self._active[plan.view_of_condition[plan.rows[row].condition]].append(row)
        self._group_of = {row: number for number, group in enumerate(self.groups.members) for row in group}

    def _branching(self, view: int, layer: int) -> list[int]:
        """Rows of a view that have branched off at a layer or below."""
        rows = self.plan.rows
        return [row for row in self._active[view] if rows[row].first_layer <= layer]

    def regroup(self, chosen: dict[int, int]) -> Groups:
        """Go on with the rows that have a next token; rows of a group that chose alike stay together."""
        members: dict[tuple[int, int], list[int]] = defaultdict(list)
        for row in sorted(chosen):
            members[self._group_of[row], chosen[row]].append(row)
        came_from = {group[0]: number for (number, _), group in members.items()}
        self.groups = Groups.of(list(members.values()), self.plan.rows)
        sources = [came_from[group[0]] for group in self.groups.members]
        for layer, stored in self._trunk.items():
            trunks = sources[: self.groups.reaching(layer)]
            if trunks != list(range(len(stored[0]))):
                self._trunk[layer] = self._kept(stored, trunks)
        rows_before = {key: self._branching(key[1], key[0]) for key in self._branches}
        self._arrange(list(chosen))
        for (layer, view), stored in self._branches.items():
            places = {row: place for place, row in enumerate(rows_before[layer, view])}
            now = [places[row] for row in self._branching(view, layer)]
            if now != list(range(len(places))):
                self._branches[layer, view] = self._kept(stored, now)
        return self.groups

    def _kept(self, stored: tuple[Tensor, Tensor], places: list[int]) -> tuple[Tensor, Tensor]:
        index = torch.tensor(places, dtype=torch.long, device=self.plan.device)
        return stored[0][index], stored[1][index]

    def extend(
        self,
        tokens: Int[Tensor, "groups token"],
        real: Bool[Tensor, "groups token"],
        *,
        store: bool = True,
        last: bool = False,
    ) -> Float[Tensor, "rows kept d_model"]:
        """Read each group's next tokens; the residual stream after the last layer of every active row, in order.

        Args:
            tokens: the tokens, padded on the left (the prompts) or on the right (the references).
            real: which are no padding.
            store: whether the keys and values stay for later tokens.
            last: whether the last token alone is returned.
        """
        plan = self.plan
        pass_ = _Pass(self, tokens, real, store)
        trunk = embedded(plan.model.hooked, tokens, pass_.positions[pass_.group_prompts])
        branches: list[Tensor] = [trunk[:0] for _ in plan.views]
        for index, layer in enumerate(plan.layers):
            for view in range(len(plan.views)):
                joining = [row for row in self._active[view] if plan.rows[row].first_layer == index]
                if joining:
                    groups = torch.tensor([self._group_of[row] for row in joining], device=plan.device)
                    branches[view] = torch.cat([branches[view], trunk[groups]])
            trunk = trunk[: self.groups.reaching(index)]
            trunk, branches = pass_.through(layer, trunk, branches)
        if store:
            self.columns += tokens.shape[1]
        return self._in_order(trunk, branches, last)

    def _in_order(self, trunk: Tensor, branches: list[Tensor], last: bool) -> Float[Tensor, "rows kept d_model"]:
        plan = self.plan
        place: dict[int, int] = {}
        for row, group in self._group_of.items():
            if plan.rows[row].first_layer >= plan.n_layers:
                place[row] = group
        offset = len(trunk)
        for rows in self._active:
            place |= {row: offset + number for number, row in enumerate(rows)}
            offset += len(rows)
        stacked = torch.cat([trunk, *branches])
        if last:
            stacked = stacked[:, -1:]
        return stacked[torch.tensor([place[row] for row in sorted(place)], device=plan.device)]


class _Pass:
    """One pass of new own tokens through the layers: positions, masks, and where keys and values go."""

    def __init__(self, walk: Walk, tokens: Tensor, real: Tensor, store: bool) -> None:
        self.walk, self.store = walk, store
        plan = walk.plan
        self.new = tokens.shape[1]
        self.group_prompts = torch.tensor(
            [plan.rows[group[0]].prompt for group in walk.groups.members], device=plan.device
        )
        self.view_rows = [torch.tensor(rows, dtype=torch.long, device=plan.device) for rows in walk._active]
        prompt_of_row = torch.tensor([row.prompt for row in plan.rows], device=plan.device)
        self.view_prompts = [prompt_of_row[rows] for rows in self.view_rows]
        self.positions = self._positions()
        self.columns = torch.cat([self._column_positions(), self.positions], dim=1)
        visible = self._visible()
        self.trunk_visible = visible[self.group_prompts]
        masks = [self._masks(visible, rows) for rows in walk._active]
        self.view_visible = [mask[0] for mask in masks]
        self.view_zeroed = [mask[1] for mask in masks]
        real_tokens = real.sum(1)
        self._real_by_group = real_tokens.tolist()
        self._lengths = plan.lengths.tolist()
        self._real_by_view = [[self._real_by_group[walk._group_of[row]] for row in rows] for rows in walk._active]

    def _positions(self) -> Int[Tensor, "prompt token"]:
        """Position in the text of every new token, by prompt; padding gets the first or the last that there is."""
        plan, walk = self.walk.plan, self.walk
        columns = torch.arange(walk.columns, walk.columns + self.new, device=plan.device)
        shift = plan.prefix + plan.lengths - plan.width
        return (columns + shift.unsqueeze(1)).clamp(min=0, max=plan.model.window - 1)

    def _column_positions(self) -> Int[Tensor, "prompt column"]:
        plan, walk = self.walk.plan, self.walk
        columns = torch.arange(walk.columns, device=plan.device)
        return (columns + (plan.prefix + plan.lengths - plan.width).unsqueeze(1)).clamp(min=0)

    def _visible(self) -> Bool[Tensor, "prompt query column"]:
        """Which own columns each new token may see where nothing is hidden: real ones up to its own."""
        plan, walk = self.walk.plan, self.walk
        total = walk.columns + self.new
        later = plan.own_real.new_ones(len(plan.prompts), max(0, total - plan.width))
        real = torch.cat([plan.own_real[:, :total], later], dim=1)
        columns = torch.arange(total, device=plan.device)
        causal = columns <= columns[walk.columns :].unsqueeze(1)
        # Padding sees itself, so that no row is without keys.
        return causal & (real.unsqueeze(1) | (columns == columns[walk.columns :].unsqueeze(1)))

    def _masks(self, visible: Tensor, rows: list[int]) -> tuple[Tensor, Tensor | None]:
        """What the rows of a view may see of the own columns, and what is set to zero after the softmax."""
        plan, walk = self.walk.plan, self.walk
        total = walk.columns + self.new
        seen = visible[torch.tensor([plan.rows[row].prompt for row in rows], dtype=torch.long, device=plan.device)]
        index = torch.tensor(rows, dtype=torch.long, device=plan.device)
        later = plan.hides_completion[index].unsqueeze(1).expand(-1, max(0, total - plan.width))
        hides = torch.cat([plan.hidden[index][:, :total], later], dim=1)
        if not hides.any():
            return seen, None
        columns = torch.arange(total, device=plan.device)
        itself = columns == columns[walk.columns :].unsqueeze(1)
        masks = [plan.conditions[plan.rows[row].condition] for row in rows]
        sees_itself = torch.tensor([getattr(mask, "sees_itself", True) for mask in masks], device=plan.device)
        renormalise = torch.tensor([getattr(mask, "renormalise", True) for mask in masks], device=plan.device)
        hidden = hides.unsqueeze(1) & ~(itself & sees_itself[:, None, None])
        return seen & ~(hidden & renormalise[:, None, None]), hidden & ~renormalise[:, None, None]

    def through(self, layer: Layer, trunk: Tensor, branches: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """One layer for the trunks that reach it and the rows that have branched off."""
        sizes = [len(trunk), *(len(branch) for branch in branches)]
        prompts = torch.cat(
            [self.group_prompts[: sizes[0]]]
            + [of_view[:size] for of_view, size in zip(self.view_prompts, sizes[1:], strict=True)]
        )
        positions = self.positions[prompts]

        def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            parts = zip(query.split(sizes), key.split(sizes), value.split(sizes), positions.split(sizes), strict=True)
            found = [self._attend(layer, number - 1, *part) for number, part in enumerate(parts) if sizes[number]]
            return torch.cat(found)

        out = layer.forward(torch.cat([trunk, *branches]), positions, attend, self._edited(layer.index, sizes))
        counted = sum(self._real_by_group[: sizes[0]])
        counted += sum(sum(of_view[:size]) for of_view, size in zip(self._real_by_view, sizes[1:], strict=True))
        self.walk.plan.counts.layer_tokens += counted
        trunk, *branches = out.split(sizes)
        return trunk, list(branches)

    def _edited(self, layer: int, sizes: list[int]) -> Edited:
        """What conditions write over at a layer, in the rows of the views: the trunks stay clean."""
        plan, walk = self.walk.plan, self.walk
        at_layer = plan.edits.at(layer)
        if not at_layer:
            return untouched
        prompts_read = walk.columns > 0
        lines = []
        place = sizes[0]
        for rows, size in zip(walk._active, sizes[1:], strict=True):
            for row in rows[:size]:
                of_row = plan.rows[row]
                if of_row.condition in at_layer:
                    where = [plan.writes_completion[row]] * self.new if prompts_read else plan.written[row]
                    first = plan.prefix + walk.columns + int(self._lengths[of_row.prompt]) - plan.width
                    positions = range(first, first + self.new)
                    lines.append(Line(place, of_row.condition, of_row.prompt, positions, where))
                place += 1
        return plan.edits.writing(layer, lines)

    def _attend(self, layer: Layer, view: int, query: Tensor, key: Tensor, value: Tensor, positions: Tensor) -> Tensor:
        """Attention of the trunks (`view` -1) or of a view's rows: the prefix as they see it, then own columns."""
        walk, size = self.walk, len(query)
        if view < 0:
            stored = walk._trunk.get(layer.index)
            context = walk.context.seen_by(0, layer.index)
            visible, zeroed, prompts = self.trunk_visible[:size], None, self.group_prompts[:size]
        else:
            stored = walk._branches.get((layer.index, view))
            context = walk.context.seen_by(view, layer.index)
            hidden = self.view_zeroed[view]
            visible, zeroed = self.view_visible[view][:size], None if hidden is None else hidden[:size]
            prompts = self.view_prompts[view][:size]
        stored = self._write(stored, key, value)
        total = walk.columns + self.new
        own = Keys(stored[0][:, :total], stored[1][:, :total], self.columns[prompts], visible, zeroed)
        if self.store:
            if view < 0:
                walk._trunk[layer.index] = stored
            else:
                walk._branches[layer.index, view] = stored
        return layer.attend(query, positions, [own] if context is None else [context, own])

    def _write(self, stored: tuple[Tensor, Tensor] | None, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """The stored keys and values with the new ones behind them; the store is left alone unless it is to keep them."""
        start, end = self.walk.columns, self.walk.columns + self.new
        if not self.store:
            if stored is None:
                return key, value
            return torch.cat([stored[0][:, :start], key], 1), torch.cat([stored[1][:, :start], value], 1)
        if stored is None:
            shape = (len(key), self.walk._capacity, *key.shape[2:])
            stored = key.new_empty(shape), value.new_empty(shape)
        stored[0][:, start:end], stored[1][:, start:end] = key, value
        return stored
