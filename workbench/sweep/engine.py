"""The fast sweep: one walk up the layers serves every condition. It returns what the reference returns.

A condition equals the clean run below its first layer, so a clean *trunk* is run once and each condition *branches off*
at its own layer: the batch grows on the way up, and every weight is read once for all conditions. The context that all
prompts share is read once and its keys and values are never copied. Context that a mask hides costs nothing. While
completions agree, decoding shares the trunk as well; rows leave when their stop rule fires.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from workbench.interventions.conditions import Clean, Condition, ContextMask
from workbench.interventions.context_mask import check_hides_something
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.sweep.attention import Keys, Layer, layers_of
from workbench.sweep.completions import Completions
from workbench.sweep.contract import Outcome
from workbench.sweep.rows import Groups, Row, View, hidden_own, own_columns, prefix_length, view_of

Progress = Callable[[int], object]
_LOGITS_AT_ONCE = 2**26
"""Numbers: logits are made for as many rows at a time."""


@dataclass
class Counts:
    """What a sweep computed."""

    layer_tokens: int = 0
    """One layer applied to one token; padding is not counted."""


@torch.inference_mode()
def sweep(
    model: Model,
    prompts: Sequence[Prompt],
    conditions: Sequence[Condition],
    *,
    batch_size: int = 32,
    progress: Progress | None = None,
    counts: Counts | None = None,
    compare: bool = True,
) -> list[Outcome]:
    """Run every prompt under every condition; see `workbench.sweep.reference.sweep` for what comes back.

    Args:
        model: the model.
        prompts: the prompts; batched in the order given.
        conditions: the conditions; their order is that of the outcomes.
        batch_size: prompts run together.
        progress: called with the number of prompts finished, times conditions.
        counts: where to count what is computed.
        compare: whether the clean run is made as well, for the divergences from it; without it they are NaN, and
            context that no condition reads at a layer is neither computed nor stored there.

    Raises:
        UserError: the model's attention has a part that only the reference computes.
    """
    layers = layers_of(model.hooked)
    outcomes: list[Outcome] = []
    for start in range(0, len(prompts), batch_size):
        batch = _Batch(
            model, layers, prompts[start : start + batch_size], conditions, counts or Counts(), compare
        )
        outcomes += batch.run()
        if progress is not None:
            progress(len(batch.prompts) * len(conditions))
    return outcomes


class _Batch:
    """Prompts and conditions that are walked up the layers together."""

    def __init__(
        self,
        model: Model,
        layers: list[Layer],
        prompts: Sequence[Prompt],
        conditions: Sequence[Condition],
        counts: Counts,
        compare: bool,
    ) -> None:
        self.model, self.layers, self.prompts, self.counts = model, layers, prompts, counts
        self.asked = len(conditions)
        # The clean run is needed for divergences, whether it was asked for or not.
        self.conditions: list[Condition] = [*conditions, Clean()] if compare else list(conditions)
        self.n_layers = model.n_layers
        self.device = model.hooked.W_E.device
        self.prefix = prefix_length(prompts)
        tokens, real = own_columns(prompts, self.prefix)
        self.own_tokens, self.own_real = tokens.to(self.device), real.to(self.device)
        self.width = tokens.shape[1]
        self.lengths = self.own_real.sum(1)
        for condition in conditions:
            if isinstance(condition, ContextMask):
                check_hides_something(condition, prompts)
        # The prefix may be looked at through other prompts' eyes only where all agree on it, which its length ensures.
        views = [view_of(condition, index, prompts[0], self.prefix) for index, condition in enumerate(self.conditions)]
        # The trunk sees everything, whether or not a condition does to the end.
        self.views = list(dict.fromkeys([View(tuple(range(self.prefix))), *views]))
        self.view_of_condition = [self.views.index(view) for view in views]
        self.context = _Context(self)
        self.rows = [
            Row(prompt, index, condition.first_layer(self.n_layers))
            for prompt in range(len(prompts))
            for index, condition in enumerate(self.conditions)
        ]

    def run(self) -> list[Outcome]:
        """All outcomes but the extra clean run's, all conditions of the first prompt first."""
        everyone = list(range(len(self.rows)))
        by_prompt = [
            [row for row in everyone if self.rows[row].prompt == prompt] for prompt in range(len(self.prompts))
        ]
        walk = _Walk(self, Groups.of(by_prompt, self.rows))
        order = [self.rows[group[0]].prompt for group in walk.groups.members]
        residual = walk.extend(self.own_tokens[order], self.own_real[order], last=True)
        answer = self._logits(residual)[:, 0]
        log_probabilities = self._references(walk, answer, order)
        divergences = self._divergences(answer)
        completions = self._decode(walk, answer)
        return [
            Outcome(
                self.prompts[row.prompt].name,
                row.condition,
                *completions.row(number),
                log_probabilities[number],
                divergences[number],
                completions.margins(number),
            )
            for number, row in enumerate(self.rows)
            if row.condition < self.asked
        ]

    def _extra_rows(self) -> list[int]:
        """The rows of the clean run that is there for comparison only, in the order of the prompts."""
        return [number for number, row in enumerate(self.rows) if row.condition >= self.asked]

    def _logits(self, residual: Float[Tensor, "rows token d_model"]) -> Float[Tensor, "rows token vocabulary"]:
        return self.model.logits(residual)

    def _divergences(self, answer: Float[Tensor, "rows vocabulary"]) -> list[float]:
        if not self._extra_rows():
            return [math.nan] * len(self.rows)
        clean = answer[self._extra_rows()].log_softmax(-1)
        owners = torch.tensor([row.prompt for row in self.rows], device=self.device)
        found: list[float] = []
        for rows in torch.arange(len(self.rows), device=self.device).split(max(1, _LOGITS_AT_ONCE // answer.shape[-1])):
            ours, theirs = answer[rows].log_softmax(-1), clean[owners[rows]]
            found += (theirs.exp() * (theirs - ours)).sum(-1).clamp(min=0).tolist()
        return found

    def _references(
        self, walk: _Walk, answer: Float[Tensor, "rows vocabulary"], order: list[int]
    ) -> list[tuple[float, ...]]:
        """Log-probabilities of the references, read in one pass that leaves the walk where it was."""
        references = [prompt.reference_ids for prompt in self.prompts]
        width = max(1, *(len(reference) for reference in references))
        tokens = torch.zeros(len(references), width, dtype=torch.long)
        real = torch.zeros(len(references), width, dtype=torch.bool)
        for number, reference in enumerate(references):
            tokens[number, : len(reference)] = torch.tensor(reference, dtype=torch.long)
            real[number, : max(0, len(reference) - 1)] = True
        tokens, real = tokens.to(self.device), real.to(self.device)
        targets = tokens[torch.tensor([row.prompt for row in self.rows], device=self.device)]
        chosen = answer.log_softmax(-1).gather(-1, targets[:, :1])
        if width > 1:
            residual = walk.extend(tokens[order, :-1], real[order, :-1], store=False)
            chosen = torch.cat([chosen, self._chosen(residual, targets[:, 1:])], dim=1)
        return [
            tuple(values[: len(references[row.prompt])]) for values, row in zip(chosen.tolist(), self.rows, strict=True)
        ]

    def _chosen(
        self, residual: Float[Tensor, "rows token d_model"], targets: Int[Tensor, "rows token"]
    ) -> Float[Tensor, "rows token"]:
        at_once = max(1, _LOGITS_AT_ONCE // (residual.shape[1] * self.model.hooked.cfg.d_vocab_out))
        return torch.cat(
            [
                self._logits(some).log_softmax(-1).gather(-1, target.unsqueeze(-1)).squeeze(-1)
                for some, target in zip(residual.split(at_once), targets.split(at_once), strict=True)
            ]
        )

    def _decode(self, walk: _Walk, answer: Float[Tensor, "rows vocabulary"]) -> Completions:
        """Greedy decoding; rows leave as they stop, groups split as completions part."""
        completions = Completions(self.model, [self.prompts[row.prompt] for row in self.rows])
        for row in self._extra_rows():
            completions.leave_out(row)
        active, logits = list(range(len(self.rows))), answer
        while True:
            best = logits.topk(2, dim=-1)
            tokens, margins = best.indices[:, 0].tolist(), (best.values[:, 0] - best.values[:, 1]).tolist()
            for row, token, margin in zip(active, tokens, margins, strict=True):
                completions.append_to(row, token, margin)
            chosen = {row: token for row, token in zip(active, tokens, strict=True) if not completions.stopped(row)}
            if not chosen:
                return completions
            groups = walk.regroup(chosen)
            active = sorted(chosen)
            next_tokens = torch.tensor([[chosen[group[0]]] for group in groups.members], device=self.device)
            residual = walk.extend(next_tokens, torch.ones_like(next_tokens, dtype=torch.bool))
            logits = self._logits(residual)[:, 0]


class _Context:
    """Keys and values of the shared prefix at every layer: once for the clean run, once for each mask that changes it."""

    def __init__(self, batch: _Batch) -> None:
        self._batch = batch
        self._clean: list[tuple[Tensor, Tensor]] = []
        self._changed: dict[int, dict[int, tuple[Tensor, Tensor]]] = defaultdict(dict)
        self._seen: dict[tuple[int, int], Keys | None] = {}
        if batch.prefix:
            self._read()

    def seen_by(self, view: int, layer: int) -> Keys | None:
        """The keys that the rows of a view read at a layer; None if there are none."""
        if (view, layer) not in self._seen:
            self._seen[view, layer] = self._keys(self._batch.views[view], layer)
        return self._seen[view, layer]

    def _keys(self, view: View, layer: int) -> Keys | None:
        if not view.columns and not view.branched:
            return None
        device = self._batch.device
        columns = torch.tensor(view.columns, dtype=torch.long, device=device)
        key, value = (stored[0] for stored in self._clean[layer])
        if len(view.columns) < len(key):
            key, value = key[columns], value[columns]
        if view.condition is not None:
            own_key, own_value = self._changed[view.condition][layer]
            key, value = torch.cat([key, own_key[0]]), torch.cat([value, own_value[0]])
        positions = (*view.columns, *view.branched)
        zeroed = None
        if view.zeroed:
            zeroed = torch.tensor([[[position in view.zeroed for position in positions]]], device=device)
        return Keys(key, value, torch.tensor(positions, device=device), None, zeroed)

    def _read(self) -> None:
        """Walk the prefix up the layers; every mask that changes it branches off at its first layer."""
        batch = self._batch
        positions = torch.arange(batch.prefix, device=batch.device).unsqueeze(0)
        tokens = torch.tensor([batch.prompts[0].token_ids[: batch.prefix]], device=batch.device)
        residual = _embed(batch.model, tokens, positions)
        branches: dict[int, Tensor] = {}
        for index, layer in enumerate(batch.layers):
            for view in batch.views:
                if view.condition is not None and batch.conditions[view.condition].first_layer(batch.n_layers) == index:
                    branches[view.condition] = residual[:, list(view.branched)]
            kept = self._read_at(index)
            residual, positions = residual[:, :kept], positions[:, :kept]
            if kept:
                residual = layer.forward(residual, positions, self._clean_attend(layer, positions))
            else:
                nothing = residual.new_empty(1, 0, 1, layer.d_head)
                self._clean.append((nothing, nothing))
            batch.counts.layer_tokens += kept
            for view in batch.views:
                if view.condition in branches:
                    branches[view.condition] = self._branch(layer, view, branches[view.condition])
                    batch.counts.layer_tokens += len(view.branched)

    def _read_at(self, layer: int) -> int:
        """How many prefix positions anything reads at a layer or above; those of a mask come first in the text."""
        batch = self._batch
        if any(condition.first_layer(batch.n_layers) > layer for condition in batch.conditions):
            return batch.prefix
        views = (batch.views[view] for view in set(batch.view_of_condition))
        return max((column + 1 for view in views for column in view.columns), default=0)

    def _clean_attend(self, layer: Layer, positions: Tensor) -> Any:
        causal = positions.unsqueeze(1) <= positions.unsqueeze(2)

        def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            self._clean.append((key, value))
            return layer.attend(query, positions, [Keys(key, value, positions, causal)])

        return attend

    def _branch(self, layer: Layer, view: View, residual: Tensor) -> Tensor:
        """One layer of the prefix positions that a mask changes."""
        assert view.condition is not None
        condition = view.condition
        device = self._batch.device
        positions = torch.tensor([view.branched], device=device)
        columns = torch.tensor(view.columns, dtype=torch.long, device=device)
        clean_key, clean_value = (stored[0][columns] for stored in self._clean[layer.index])
        causal = positions.unsqueeze(1) <= positions.unsqueeze(2)
        mask = self._batch.conditions[condition]
        unless_itself = (positions.unsqueeze(1) != positions.unsqueeze(2)) | (not getattr(mask, "sees_itself", True))
        own_hidden = torch.tensor([[[position in view.zeroed for position in view.branched]]], device=device)
        clean_hidden = torch.tensor([[[position in view.zeroed for position in view.columns]]], device=device)

        def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            self._changed[condition][layer.index] = (key, value)
            sources = [Keys(key, value, positions, causal, own_hidden & unless_itself)]
            if len(columns):
                sources.append(Keys(clean_key, clean_value, columns, None, clean_hidden))
            return layer.attend(query, positions, sources)

        return layer.forward(residual, positions, attend)


class _Walk:
    """The own tokens of all rows on their way up the layers, and the keys and values that they leave there."""

    def __init__(self, batch: _Batch, groups: Groups) -> None:
        self.batch = batch
        self.groups = groups
        self.columns = 0
        longest = max((prompt.max_new_tokens for prompt in batch.prompts), default=0)
        self._capacity = batch.width + longest
        self._trunk: dict[int, tuple[Tensor, Tensor]] = {}
        self._branches: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        self._active: list[list[int]] = []
        self._arrange(range(len(batch.rows)))

    def _arrange(self, rows: Sequence[int]) -> None:
        """Rows of each view, those that branch off first in front."""
        batch = self.batch
        self._active = [[] for _ in batch.views]
        for row in sorted(rows, key=lambda row: batch.rows[row].first_layer):
            if batch.rows[row].first_layer < batch.n_layers:
                self._active[batch.view_of_condition[batch.rows[row].condition]].append(row)
        self._group_of = {row: number for number, group in enumerate(self.groups.members) for row in group}

    def _branching(self, view: int, layer: int) -> list[int]:
        """Rows of a view that have branched off at a layer or below."""
        rows = self.batch.rows
        return [row for row in self._active[view] if rows[row].first_layer <= layer]

    def regroup(self, chosen: dict[int, int]) -> Groups:
        """Go on with the rows that have a next token; rows of a group that chose alike stay together."""
        before = self.groups
        members: dict[tuple[int, int], list[int]] = defaultdict(list)
        for row in sorted(chosen):
            members[self._group_of[row], chosen[row]].append(row)
        came_from = {group[0]: number for (number, _), group in members.items()}
        self.groups = Groups.of(list(members.values()), self.batch.rows)
        sources = [came_from[group[0]] for group in self.groups.members]
        if sources != list(range(len(before.members))):
            for layer, stored in self._trunk.items():
                self._trunk[layer] = self._kept(stored, sources[: self.groups.reaching(layer)])
        rows_before = {key: self._branching(key[1], key[0]) for key in self._branches}
        self._arrange(list(chosen))
        for (layer, view), stored in self._branches.items():
            places = {row: place for place, row in enumerate(rows_before[layer, view])}
            now = [places[row] for row in self._branching(view, layer)]
            if now != list(range(len(places))):
                self._branches[layer, view] = self._kept(stored, now)
        return self.groups

    def _kept(self, stored: tuple[Tensor, Tensor], places: list[int]) -> tuple[Tensor, Tensor]:
        index = torch.tensor(places, dtype=torch.long, device=self.batch.device)
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
        batch = self.batch
        pass_ = _Pass(self, tokens, real, store)
        trunk = _embed(batch.model, tokens, pass_.positions[pass_.group_prompts])
        branches: list[Tensor] = [trunk[:0] for _ in batch.views]
        for index, layer in enumerate(batch.layers):
            for view in range(len(batch.views)):
                joining = [row for row in self._active[view] if batch.rows[row].first_layer == index]
                if joining:
                    groups = torch.tensor([self._group_of[row] for row in joining], device=batch.device)
                    branches[view] = torch.cat([branches[view], trunk[groups]])
            trunk = trunk[: self.groups.reaching(index)]
            trunk, branches = pass_.through(layer, trunk, branches)
        if store:
            self.columns += tokens.shape[1]
        return self._in_order(trunk, branches, last)

    def _in_order(self, trunk: Tensor, branches: list[Tensor], last: bool) -> Float[Tensor, "rows kept d_model"]:
        batch = self.batch
        place: dict[int, int] = {}
        for row, group in self._group_of.items():
            if batch.rows[row].first_layer >= batch.n_layers:
                place[row] = group
        offset = len(trunk)
        for rows in self._active:
            place |= {row: offset + number for number, row in enumerate(rows)}
            offset += len(rows)
        stacked = torch.cat([trunk, *branches])
        if last:
            stacked = stacked[:, -1:]
        return stacked[torch.tensor([place[row] for row in sorted(place)], device=batch.device)]


class _Pass:
    """One pass of new own tokens through the layers: positions, masks, and where keys and values go."""

    def __init__(self, walk: _Walk, tokens: Tensor, real: Tensor, store: bool) -> None:
        self.walk, self.store = walk, store
        batch = walk.batch
        self.new = tokens.shape[1]
        self.group_prompts = torch.tensor(
            [batch.rows[group[0]].prompt for group in walk.groups.members], device=batch.device
        )
        self.view_rows = [torch.tensor(rows, dtype=torch.long, device=batch.device) for rows in walk._active]
        prompt_of_row = torch.tensor([row.prompt for row in batch.rows], device=batch.device)
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
        self._real_by_view = [[self._real_by_group[walk._group_of[row]] for row in rows] for rows in walk._active]

    def _positions(self) -> Int[Tensor, "prompt token"]:
        """Position in the text of every new token, by prompt; padding gets the first or the last that there is."""
        batch, walk = self.walk.batch, self.walk
        columns = torch.arange(walk.columns, walk.columns + self.new, device=batch.device)
        shift = batch.prefix + batch.lengths - batch.width
        return (columns + shift.unsqueeze(1)).clamp(min=0, max=batch.model.window - 1)

    def _column_positions(self) -> Int[Tensor, "prompt column"]:
        batch, walk = self.walk.batch, self.walk
        columns = torch.arange(walk.columns, device=batch.device)
        return (columns + (batch.prefix + batch.lengths - batch.width).unsqueeze(1)).clamp(min=0)

    def _visible(self) -> Bool[Tensor, "prompt query column"]:
        """Which own columns each new token may see where nothing is hidden: real ones up to its own."""
        batch, walk = self.walk.batch, self.walk
        total = walk.columns + self.new
        later = batch.own_real.new_ones(len(batch.prompts), max(0, total - batch.width))
        real = torch.cat([batch.own_real[:, :total], later], dim=1)
        columns = torch.arange(total, device=batch.device)
        causal = columns <= columns[walk.columns :].unsqueeze(1)
        # Padding sees itself, so that no row is without keys.
        return causal & (real.unsqueeze(1) | (columns == columns[walk.columns :].unsqueeze(1)))

    def _masks(self, visible: Tensor, rows: list[int]) -> tuple[Tensor, Tensor | None]:
        """What the rows of a view may see of the own columns, and what is set to zero after the softmax."""
        batch, walk = self.walk.batch, self.walk
        total = walk.columns + self.new
        seen = visible[torch.tensor([batch.rows[row].prompt for row in rows], dtype=torch.long, device=batch.device)]
        hides = [_hides_own(batch, batch.rows[row], total) for row in rows]
        if not any(map(any, hides)):
            return seen, None
        columns = torch.arange(total, device=batch.device)
        itself = columns == columns[walk.columns :].unsqueeze(1)
        masks = [batch.conditions[batch.rows[row].condition] for row in rows]
        sees_itself = torch.tensor([getattr(mask, "sees_itself", True) for mask in masks], device=batch.device)
        renormalise = torch.tensor([getattr(mask, "renormalise", True) for mask in masks], device=batch.device)
        hidden = torch.tensor(hides, device=batch.device).unsqueeze(1) & ~(itself & sees_itself[:, None, None])
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

        out = layer.forward(torch.cat([trunk, *branches]), positions, attend)
        counted = sum(self._real_by_group[: sizes[0]])
        counted += sum(sum(of_view[:size]) for of_view, size in zip(self._real_by_view, sizes[1:], strict=True))
        self.walk.batch.counts.layer_tokens += counted
        trunk, *branches = out.split(sizes)
        return trunk, list(branches)

    def _attend(self, layer: Layer, view: int, query: Tensor, key: Tensor, value: Tensor, positions: Tensor) -> Tensor:
        """Attention of the trunks (`view` -1) or of a view's rows: the prefix as they see it, then own columns."""
        walk, size = self.walk, len(query)
        if view < 0:
            stored = walk._trunk.get(layer.index)
            context = walk.batch.context.seen_by(0, layer.index)
            visible, zeroed, prompts = self.trunk_visible[:size], None, self.group_prompts[:size]
        else:
            stored = walk._branches.get((layer.index, view))
            context = walk.batch.context.seen_by(view, layer.index)
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


def _hides_own(batch: _Batch, row: Row, total: int) -> list[bool]:
    condition = batch.conditions[row.condition]
    hidden = hidden_own(condition, batch.prompts[row.prompt], batch.prefix, batch.width)[:total]
    completion = isinstance(condition, ContextMask) and "completion" in condition.hidden
    return hidden + [completion] * (total - len(hidden))


def _embed(model: Model, tokens: Int[Tensor, "rows token"], positions: Int[Tensor, "rows token"]) -> Tensor:
    residual = model.hooked.embed(tokens)
    if model.hooked.cfg.positional_embedding_type == "standard":
        residual = residual + model.hooked.pos_embed.W_pos[positions]
    return residual
