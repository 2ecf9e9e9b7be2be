"""Keys and values of the context that all prompts of a batch share, as the fast sweep computes and keeps them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.interventions.edits import Editing
from workbench.interventions.positions import selected_positions
from workbench.sweep.attention import Attend, Keys, Layer, embedded, laid_out
from workbench.sweep.edits import Edited, Line
from workbench.sweep.plan import Plan
from workbench.sweep.rows import View
from workbench.sweep.sight import hidden


class Context:
    """Keys and values of the shared prefix at every layer, of the clean run and of each condition that changes it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._clean: list[tuple[Tensor, Tensor]] = []
        self._changed: dict[int, dict[int, tuple[Tensor, Tensor]]] = defaultdict(dict)
        self._seen: dict[tuple[int, int], Keys | None] = {}
        self._causal: dict[tuple[torch.device, int | None, int], Tensor] = {}
        if plan.prefix:
            self._read()

    def seen_by(self, view: int, layer: int) -> Keys | None:
        """The keys that the rows of a view read at a layer; None if there are none."""
        if (view, layer) not in self._seen:
            self._seen[view, layer] = self._keys(self._plan.views[view], layer)
        return self._seen[view, layer]

    @property
    def stored_bytes(self) -> int:
        """Bytes of all keys and values kept."""
        kept = [*self._clean, *(pair for layers in self._changed.values() for pair in layers.values())]
        return sum(tensor.numel() * tensor.element_size() for pair in kept for tensor in pair)

    def _keys(self, view: View, layer: int) -> Keys | None:
        if not view.columns and not view.branched:
            return None
        device = self._plan.layers[layer].device
        columns = torch.tensor(view.columns, dtype=torch.long, device=device)
        key, value = self._clean[layer]
        if len(view.columns) < key.shape[-1]:
            key, value = key[..., columns], value[:, columns]
        if view.condition is not None:
            own_key, own_value = self._changed[view.condition][layer]
            # Where nothing clean is left, nothing is copied.
            key = torch.cat([key, own_key], dim=-1) if view.columns else own_key
            value = torch.cat([value, own_value], dim=1) if view.columns else own_value
        positions = (*view.columns, *view.branched)
        zeroed = None
        if view.zeroed:
            zeroed = torch.tensor([[[position in view.zeroed for position in positions]]], device=device)
        return Keys(key, value, torch.tensor([positions], device=device), None, zeroed)

    def _read(self) -> None:
        """Walk the prefix up the layers; every condition that changes it branches off at its first layer."""
        plan = self._plan
        every = torch.arange(plan.prefix, device=plan.device).unsqueeze(0)
        tokens = torch.tensor([plan.prompts[0].token_ids[: plan.prefix]], device=plan.device)
        residual = embedded(plan.model.hooked, tokens, every)
        branches: dict[Hashable, _Branch] = {}
        for index, layer in enumerate(plan.layers):
            for view in plan.views:
                if view.condition is not None and plan.conditions[view.condition].first_layer(plan.n_layers) == index:
                    self._join(branches, view, view.condition, residual)
            kept = self._read_at(index)
            residual = residual[:, :kept].to(layer.device)
            if kept:
                positions = every[:, :kept].to(layer.device)
                residual = layer.forward(residual, positions, self._clean_attend(layer, positions))
            else:
                shape = (layer.kv_heads, layer.d_head, 0)
                self._clean.append((residual.new_empty(shape), residual.new_empty(shape).transpose(1, 2)))
            plan.counts.layer_tokens += kept
            for branch in branches.values():
                branch.residual = self._branch(layer, branch)
                plan.counts.layer_tokens += len(branch.view.branched) * len(branch.conditions)

    def _join(self, branches: dict[Hashable, _Branch], view: View, condition: int, residual: Tensor) -> None:
        """Let a condition's prefix branch off, beside those that see the same of it."""
        sees_itself = getattr(self._plan.conditions[condition], "sees_itself", True)
        alike = (view.columns, view.branched, view.zeroed, sees_itself)
        entering = residual[:, list(view.branched)]
        if alike in branches:
            branches[alike].conditions.append(condition)
            there = branches[alike].residual
            branches[alike].residual = torch.cat([there, entering.to(there.device)])
        else:
            branches[alike] = _Branch(view, sees_itself, [condition], entering)

    def _read_at(self, layer: int) -> int:
        """How many prefix positions anything reads at a layer or above; those of a mask come first in the text."""
        plan = self._plan
        if any(condition.first_layer(plan.n_layers) > layer for condition in plan.conditions):
            return plan.prefix
        views = (plan.views[view] for view in set(plan.view_of_condition))
        return max((column + 1 for view in views for column in view.columns), default=0)

    def _clean_attend(self, layer: Layer, positions: Tensor) -> Attend:
        alike = layer.device, layer.window, positions.shape[1]
        if alike not in self._causal:
            self._causal[alike] = hidden(positions, positions, layer.window, self._plan.dtype)
        hiding = self._causal[alike]

        def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            key, value = (each[0].contiguous() for each in laid_out(key, value))
            self._clean.append((key, value))
            return layer.attend(query, positions, [Keys(key, value, positions, hiding)])

        return attend

    def _branch(self, layer: Layer, branch: _Branch) -> Float[Tensor, "condition token d_model"]:
        """One layer of the prefix positions that some conditions change, all in the same way of seeing."""
        view, device = branch.view, layer.device
        positions = torch.tensor([view.branched], device=device).expand(len(branch.conditions), -1)
        own_positions = positions[:1]
        columns = torch.tensor([view.columns], dtype=torch.long, device=device)
        clean_key, clean_value = self._clean[layer.index]
        unless_itself = (own_positions.unsqueeze(1) != own_positions.unsqueeze(2)) | (not branch.sees_itself)
        own_zeroed, clean_zeroed = (
            torch.tensor([[[position in view.zeroed for position in of_part]]], device=device)
            for of_part in (view.branched, view.columns)
        )

        def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            key, value = (each.contiguous() for each in laid_out(key, value))
            for number, condition in enumerate(branch.conditions):
                self._changed[condition][layer.index] = key[number], value[number]
            causal = hidden(own_positions, own_positions, layer.window, self._plan.dtype)
            sources = [Keys(key, value, own_positions, causal, own_zeroed & unless_itself)]
            if view.columns:
                near = hidden(own_positions, columns, layer.window, self._plan.dtype)
                clean = clean_key[..., columns[0]], clean_value[:, columns[0]]
                sources.append(Keys(*clean, columns, near, clean_zeroed))
            return layer.attend(query, positions, sources)

        residual = branch.residual.to(device)
        return layer.forward(residual, positions, attend, self._edited(layer.index, branch))

    def _edited(self, layer: int, branch: _Branch) -> Edited:
        """What conditions write over in their prefix at a layer."""
        plan = self._plan
        at_layer = plan.edits.at(layer)
        lines = []
        for place, index in enumerate(branch.conditions):
            if index in at_layer:
                condition = plan.conditions[index]
                assert isinstance(condition, Editing)
                selected = set(selected_positions(plan.prompts[0], condition.positions))
                where = [position in selected for position in branch.view.branched]
                lines.append(Line(place, index, 0, branch.view.branched, where))
        return plan.edits.writing(layer, lines)


@dataclass
class _Branch:
    """Conditions that change the prefix and see the same of it."""

    view: View
    """How each of them sees the prefix, but for whose it is."""
    sees_itself: bool
    conditions: list[int]
    residual: Float[Tensor, "condition token d_model"]
