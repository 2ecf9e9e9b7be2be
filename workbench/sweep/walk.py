"""The walk of own tokens up the layers: one trunk for each group of rows, and the rows that have branched off it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from workbench.sweep.attention import embedded
from workbench.sweep.context import Context
from workbench.sweep.passes import Pass
from workbench.sweep.plan import Plan
from workbench.sweep.rows import Groups
from workbench.sweep.sight import Columns
from workbench.sweep.store import TRUNK, Store


class Walk:
    """The own tokens of all rows on their way up the layers, and the keys and values that they leave there."""

    def __init__(self, plan: Plan, members: Sequence[Sequence[int]]) -> None:
        self.plan = plan
        self.context = Context(plan)
        self.store = Store(plan.first_room, plan.capacity, lambda layer: plan.unread(layer).width)
        self.columns = 0
        self._first = [row.reads_from for row in plan.rows]
        """First layer of each row that is not the clean run's."""
        self._draft, self._accepted = 0, [0] * len(plan.rows)
        self.groups = Groups.of(members, self._first)
        self.active: list[list[int]] = []
        """Rows of each view that branch off somewhere, those that do so first in front."""
        self.group_of: dict[int, int] = {}
        self._arrange(range(len(plan.rows)))

    def _arrange(self, rows: Sequence[int]) -> None:
        plan = self.plan
        self.active = [[] for _ in plan.views]
        for row in sorted(rows, key=lambda row: self._first[row]):
            if self._first[row] < plan.n_layers:
                self.active[plan.view_of_condition[plan.rows[row].condition]].append(row)
        self.group_of = {row: number for number, group in enumerate(self.groups.members) for row in group}

    def _branching(self, view: int, layer: int) -> list[int]:
        """Rows of a view that have branched off at a layer or below."""
        return [row for row in self.active[view] if self._first[row] <= layer]

    def go_on(self) -> None:
        """The prompts have been read: conditions that change nothing in them branch off with what the trunk stored."""
        late = {number for number, row in enumerate(self.plan.rows) if row.reads_from != row.first_layer}
        if not late:
            return
        trunks = self.group_of
        self._first = [row.first_layer for row in self.plan.rows]
        self._arrange(sorted(trunks))
        for view, rows in enumerate(self.active):
            for layer in range(self.plan.n_layers):
                there = [row for row in rows if self._first[row] <= layer]
                joining = [row for row in there if row in late]
                if joining:
                    before = [row for row in there if row not in late] + joining
                    order = [before.index(row) for row in there]
                    self.store.join((layer, view), [trunks[row] for row in joining], order)
        self._regroup(self.groups.members, range(len(self.groups.members)))

    def regroup(self, chosen: Mapping[int, int]) -> Groups:
        """Go on with the rows that have a next token; rows of a group that chose alike stay together."""
        members: dict[tuple[int, int, int], list[int]] = defaultdict(list)
        for row in sorted(chosen):
            members[self.group_of[row], self._accepted[row], chosen[row]].append(row)
        before = {place: self._branching(place[1], place[0]) for place in self.store.places() if place[1] != TRUNK}
        self._regroup(list(members.values()), [number for number, _, _ in members])
        self._arrange(list(chosen))
        for (layer, view), rows in before.items():
            places = {row: place for place, row in enumerate(rows)}
            self.store.keep((layer, view), [places[row] for row in self._branching(view, layer)])
        return self.groups

    def _regroup(self, members: Sequence[Sequence[int]], came_from: Sequence[int]) -> None:
        """Rows share trunks anew; each trunk keeps what the one that it came from has stored."""
        origin = {group[0]: number for group, number in zip(members, came_from, strict=True)}
        self.groups = Groups.of(members, self._first)
        sources = [origin[group[0]] for group in self.groups.members]
        for layer, view in self.store.places():
            if view == TRUNK:
                self.store.keep((layer, view), sources[: self.groups.reaching(layer)])
        self.group_of = {row: number for number, group in enumerate(self.groups.members) for row in group}

    def accept(self, columns: int, accepted: Sequence[int]) -> None:
        """Take what was read last for a draft of the completions.

        Args:
            columns: how many columns it has; all stay where they are.
            accepted: how many of them are part of each row's completion. It sees no others, and goes on behind them.
        """
        self._draft, self._accepted = columns, list(accepted)
        self.columns += columns

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
            store: whether the next tokens come behind these, or take their place.
            last: whether the last token alone is returned.
        """
        plan = self.plan
        columns = Columns(self.columns, tokens.shape[1], self._draft, self._accepted)
        new = Pass(plan, self.context, self.store, columns, self.groups, self.active, real.sum(1).tolist())
        trunk = embedded(plan.model.hooked, tokens, new.trunk_positions)
        branches: list[Tensor] = [trunk[:0] for _ in plan.views]
        for index, layer in enumerate(plan.layers):
            trunk = trunk.to(layer.device)
            branches = [branch.to(layer.device) for branch in branches]
            for view, rows in enumerate(self.active):
                joining = [self.group_of[row] for row in rows if self._first[row] == index]
                if joining:
                    branches[view] = torch.cat(
                        [branches[view], trunk.index_select(0, torch.tensor(joining, device=layer.device))]
                    )
            trunk = trunk[: self.groups.reaching(index)]
            if index == plan.dropped_from and self.columns == 0:
                trunk, *branches = (plan.unread(index).closed(part, 1) for part in (trunk, *branches))
            trunk, branches = new.through(layer, trunk, branches)
        if store:
            self.columns += tokens.shape[1]
        return self._in_order(trunk, branches, last).to(plan.device)

    def _in_order(self, trunk: Tensor, branches: list[Tensor], last: bool) -> Float[Tensor, "rows kept d_model"]:
        place = {row: group for row, group in self.group_of.items() if self._first[row] >= self.plan.n_layers}
        offset = len(trunk)
        for rows in self.active:
            place |= {row: offset + number for number, row in enumerate(rows)}
            offset += len(rows)
        if last:
            trunk, branches = trunk[:, -1:], [branch[:, -1:] for branch in branches]
        order = torch.tensor([place[row] for row in sorted(place)], dtype=torch.long, device=trunk.device)
        return torch.cat([trunk, *branches]).index_select(0, order)
