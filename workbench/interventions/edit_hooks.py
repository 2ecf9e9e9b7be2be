"""The hooks that a removal, an ablation or a patch becomes, for one batch of prompts padded on the left."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from workbench.interventions.edit_checks import Shape, check_edits
from workbench.interventions.edits import HOOKS, Edit, Editing
from workbench.interventions.faults import Hook, InterventionError
from workbench.interventions.positions import selected_columns, selected_positions, selects_completion
from workbench.prompts import Prompt


class EditHooks:
    """A condition's edits on one batch. Use `hooks()` in `model.hooks(...)` for every forward pass, then `verify()`.

    A pass that begins with the padded prompts may go on behind them. For passes that only go on where the cache ends,
    call `go_on()` first: their tokens are all completion.
    """

    def __init__(self, condition: Editing, prompts: Sequence[Prompt], shape: Shape, device: torch.device) -> None:
        """Find the columns to write over.

        Raises:
            UserError: the condition does not fit the model or the prompts.
        """
        check_edits(condition, prompts, shape)
        self.condition = condition
        self.prompts = prompts
        self.edits = condition.edits()
        self.columns = selected_columns(prompts, condition.positions).to(device)
        self.writes_completion = selects_completion(condition.positions)
        self._behind_prompts = False
        self._fired = [False] * len(self.edits)
        self._selected = [False] * len(self.edits)
        self._changed = [False] * len(self.edits)
        self._values = [None if edit.values is None else self._laid_out(edit).to(device) for edit in self.edits]

    def hooks(self) -> list[tuple[Any, Hook]]:
        """Hook names and functions for `HookedTransformer.hooks(fwd_hooks=...)`."""
        return [
            (f"blocks.{edit.layer}.{HOOKS[edit.site]}", partial(self._write, number))
            for number, edit in enumerate(self.edits)
        ]

    def go_on(self) -> None:
        """Say that the passes from now on begin behind the prompts."""
        self._behind_prompts = True

    def verify(self) -> None:
        """Check that every hook ran and, where it saw a selected position, did what it says.

        Raises:
            InterventionError: a hook never ran, or a removal found nothing to remove. A payload may be what was there.
        """
        for number, edit in enumerate(self.edits):
            where = f"Condition {self.condition.name!r}: the hook at {edit.site} of layer {edit.layer}"
            if not self._fired[number]:
                raise InterventionError(f"{where} never ran.")
            if self._selected[number] and edit.values is None and not self._changed[number]:
                raise InterventionError(f"{where} found nothing but zeros, so its removal changed nothing.")

    def _write(self, number: int, there: Float[Tensor, "batch position ..."], hook: Any) -> Tensor:
        edit, values = self.edits[number], self._values[number]
        selected = self._selection(there.shape[1])
        self._fired[number] = True
        self._selected[number] |= bool(selected.any())
        whole = selected.view(*selected.shape, *[1] * edit.axes).to(there.device)
        if edit.heads is not None:
            of_edit = torch.zeros(there.shape[2], dtype=torch.bool, device=there.device)
            of_edit[list(edit.heads)] = True
            whole = whole & of_edit.view(1, 1, -1, 1)
        new = torch.zeros_like(there) if values is None else self._spread(edit, values, there)
        if not self._changed[number]:
            self._changed[number] = bool((whole & (there != new)).any())
        return torch.where(whole, new, there)

    def _selection(self, width: int) -> Bool[Tensor, "batch position"]:
        """Which positions of a pass are written over."""
        batch, prompt_width = self.columns.shape
        if self._behind_prompts:
            return self.columns.new_full((batch, width), self.writes_completion)
        behind = self.columns.new_full((batch, max(0, width - prompt_width)), self.writes_completion)
        return torch.cat([self.columns[:, :width], behind], dim=1)

    def _laid_out(self, edit: Edit) -> Float[Tensor, "batch position ..."]:
        """The payload in the padded prompts' columns; one column where it is the same at every position."""
        values = [edit.values_for(prompt) for prompt in self.prompts]
        if not edit.by_position():
            return torch.stack(values)
        width = self.columns.shape[1]
        laid_out = values[0].new_zeros(len(values), width, *values[0].shape[1:])
        for row, (prompt, of_prompt) in enumerate(zip(self.prompts, values, strict=True)):
            shift = width - len(prompt.token_ids)
            for position, value in zip(selected_positions(prompt, self.condition.positions), of_prompt, strict=True):
                laid_out[row, position + shift] = value
        return laid_out

    def _spread(self, edit: Edit, values: Tensor, there: Float[Tensor, "batch position ..."]) -> Tensor:
        """The payload as wide as what is there, and of its kind."""
        values = values.to(there)
        if values.shape[1] != 1:
            # Nothing behind the prompts is written over by a payload that goes by position.
            if self._behind_prompts:
                return there
            missing = there.shape[1] - values.shape[1]
            values = torch.cat([values, values.new_zeros(len(values), max(0, missing), *values.shape[2:])], dim=1)
            values = values[:, : there.shape[1]]
        new = there if edit.added else torch.zeros_like(there)
        heads = slice(None) if edit.heads is None else list(edit.heads)
        if edit.axes == 2:
            spread = torch.zeros_like(there)
            spread[:, :, heads] = values.expand(-1, there.shape[1], -1, -1)
            return new + spread
        return new + values
