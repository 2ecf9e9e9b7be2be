"""Keys and values of the context that all prompts of a batch share, as the fast sweep computes and keeps them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor

from workbench.sweep.attention import Keys, Layer, embedded
from workbench.sweep.plan import Plan
from workbench.sweep.rows import View


class Context:
    """Keys and values of the shared prefix at every layer: once for the clean run, once for each mask that changes it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._clean: list[tuple[Tensor, Tensor]] = []
        self._changed: dict[int, dict[int, tuple[Tensor, Tensor]]] = defaultdict(dict)
        self._seen: dict[tuple[int, int], Keys | None] = {}
        if plan.prefix:
            self._read()

    def seen_by(self, view: int, layer: int) -> Keys | None:
        """The keys that the rows of a view read at a layer; None if there are none."""
        if (view, layer) not in self._seen:
            self._seen[view, layer] = self._keys(self._plan.views[view], layer)
        return self._seen[view, layer]

    def _keys(self, view: View, layer: int) -> Keys | None:
        if not view.columns and not view.branched:
            return None
        device = self._plan.device
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
        plan = self._plan
        positions = torch.arange(plan.prefix, device=plan.device).unsqueeze(0)
        tokens = torch.tensor([plan.prompts[0].token_ids[: plan.prefix]], device=plan.device)
        residual = embedded(plan.model.hooked, tokens, positions)
        branches: dict[int, Tensor] = {}
        for index, layer in enumerate(plan.layers):
            for view in plan.views:
                if view.condition is not None and plan.conditions[view.condition].first_layer(plan.n_layers) == index:
                    branches[view.condition] = residual[:, list(view.branched)]
            kept = self._read_at(index)
            residual, positions = residual[:, :kept], positions[:, :kept]
            if kept:
                residual = layer.forward(residual, positions, self._clean_attend(layer, positions))
            else:
                nothing = residual.new_empty(1, 0, 1, layer.d_head)
                self._clean.append((nothing, nothing))
            plan.counts.layer_tokens += kept
            for view in plan.views:
                if view.condition in branches:
                    branches[view.condition] = self._branch(layer, view, branches[view.condition])
                    plan.counts.layer_tokens += len(view.branched)

    def _read_at(self, layer: int) -> int:
        """How many prefix positions anything reads at a layer or above; those of a mask come first in the text."""
        plan = self._plan
        if any(condition.first_layer(plan.n_layers) > layer for condition in plan.conditions):
            return plan.prefix
        views = (plan.views[view] for view in set(plan.view_of_condition))
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
        device = self._plan.device
        positions = torch.tensor([view.branched], device=device)
        columns = torch.tensor(view.columns, dtype=torch.long, device=device)
        clean_key, clean_value = (stored[0][columns] for stored in self._clean[layer.index])
        causal = positions.unsqueeze(1) <= positions.unsqueeze(2)
        mask = self._plan.conditions[condition]
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
