"""Removals, ablations and patches as the fast sweep writes them: in which rows of a batch, at which tokens, what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from workbench.interventions.conditions import Condition
from workbench.interventions.edits import Edit, Editing, Site
from workbench.interventions.faults import InterventionError
from workbench.interventions.positions import first_position, selected_positions, selects_completion
from workbench.prompts import Prompt

Edited = Callable[[Site, Tensor], Tensor]
"""What a layer does with the activations at each site, (row, token, ...): gives back those to go on with."""


def untouched(site: Site, there: Tensor) -> Tensor:
    """Nothing is written."""
    return there


class Edits:
    """All that the conditions of a plan write, by layer, and whether it changed what it had to."""

    def __init__(self, conditions: Sequence[Condition], prompts: Sequence[Prompt], n_heads: int) -> None:
        self._prompts, self._n_heads = prompts, n_heads
        self._conditions = conditions
        self._at: dict[int, dict[int, Edit]] = {}
        for index, condition in enumerate(conditions):
            if isinstance(condition, Editing):
                for edit in condition.edits():
                    self._at.setdefault(edit.layer, {})[index] = edit
        self._unchanged: set[tuple[int, int]] = set()
        self._changed: set[tuple[int, int]] = set()

    def at(self, layer: int) -> dict[int, Edit]:
        """What is written at a layer, by condition."""
        return self._at.get(layer, {})

    def writing(self, layer: int, lines: Sequence[Line]) -> Edited:
        """What the layer does in one pass: each line is a row of the batch that a condition writes over."""
        lines = [line for line in lines if any(line.where)]
        if not lines:
            return untouched
        kinds: dict[tuple[Site, bool, bool], list[Line]] = {}
        for line in lines:
            edit = self._at[layer][line.condition]
            kinds.setdefault((edit.site, edit.values is None, edit.added), []).append(line)
        written = [(site, self._writing(layer, of_kind)) for (site, _, _), of_kind in kinds.items()]

        def edited(site: Site, there: Tensor) -> Tensor:
            for where, writing in written:
                if where == site:
                    there = writing.on(there)
            return there

        return edited

    def verify(self) -> None:
        """Check that no removal found zeros alone.

        Raises:
            InterventionError: one did, in all that has been run so far.
        """
        for index, layer in sorted(self._unchanged - self._changed):
            raise InterventionError(
                f"Condition {self._conditions[index].name!r}: {self._at[layer][index].site} of layer {layer} held "
                "nothing but zeros, so its removal changed nothing."
            )

    def _writing(self, layer: int, lines: list[Line]) -> _Writing:
        edits = [self._at[layer][line.condition] for line in lines]
        heads = None
        if edits[0].site == "z":
            heads = torch.tensor(
                [[edit.heads is None or head in edit.heads for head in range(self._n_heads)] for edit in edits]
            )
        values = None
        if edits[0].values is not None:
            of_lines = [self._values(edit, line) for edit, line in zip(edits, lines, strict=True)]
            width = max(len(of_line) for of_line in of_lines)
            values = torch.stack([of_line.expand(width, *of_line.shape[1:]) for of_line in of_lines])
        return _Writing(
            torch.tensor([line.place for line in lines]),
            torch.tensor([line.where for line in lines]),
            heads,
            values,
            edits[0].added,
            [(line.condition, layer) for line in lines],
            self._unchanged,
            self._changed,
        )

    def _values(self, edit: Edit, line: Line) -> Float[Tensor, "token ..."]:
        """What is written in a line: one entry for each of its tokens, or one for all; every head of the layer."""
        prompt = self._prompts[line.prompt]
        values = edit.values_for(prompt)
        if edit.by_position():
            condition = self._conditions[line.condition]
            assert isinstance(condition, Editing)
            places = {position: place for place, position in enumerate(selected_positions(prompt, condition.positions))}
            values = values[[places.get(position, 0) for position in line.positions]]
        if edit.heads is not None:
            every = values.new_zeros(len(values), self._n_heads, values.shape[-1])
            every[:, list(edit.heads)] = values
            return every
        return values


@dataclass(frozen=True)
class Line:
    """A row of a batch on its way through a layer, and the tokens at which its condition writes."""

    place: int
    """Which row of the batch."""
    condition: int
    prompt: int
    positions: Sequence[int]
    """Positions in the text of the row's tokens; what stands for padding or completion is never written by position."""
    where: Sequence[bool]
    """Which of the tokens are written over."""


@dataclass
class _Writing:
    """Lines of one site and kind, as tensors."""

    places: Int[Tensor, " line"]
    where: Bool[Tensor, "line token"]
    heads: Bool[Tensor, "line head"] | None
    values: Float[Tensor, "line _ ..."] | None
    added: bool
    keys: list[tuple[int, int]]
    unchanged: set[tuple[int, int]]
    changed: set[tuple[int, int]] = field(repr=False)

    def on(self, there: Float[Tensor, "row token ..."]) -> Float[Tensor, "row token ..."]:
        """The activations with the lines written over."""
        places = self.places.to(there.device)
        old = there[places]
        whole = self.where.to(there.device).view(*self.where.shape, *[1] * (old.ndim - 2))
        if self.heads is not None:
            whole = whole & self.heads.to(there.device)[:, None, :, None]
        if self.values is None:
            self._note(old, whole)
            new = torch.zeros_like(old)
        else:
            new = old + self.values.to(there) if self.added else self.values.to(there).expand_as(old)
        return there.index_copy(0, places, torch.where(whole, new, old))

    def _note(self, old: Tensor, whole: Tensor) -> None:
        """Remember which removals found something; looking costs a pass, and once is enough."""
        self.unchanged.update(self.keys)
        if not self.changed.issuperset(self.keys):
            found = (whole & (old != 0)).flatten(1).any(1).tolist()
            self.changed.update(key for key, something in zip(self.keys, found, strict=True) if something)


def selected_own(condition: Condition, prompt: Prompt, prefix: int, width: int) -> list[bool]:
    """At which own columns of a prompt, padded on the left to `width`, a condition writes."""
    columns = [False] * width
    shift = width - len(prompt.token_ids)
    if isinstance(condition, Editing):
        for position in selected_positions(prompt, condition.positions):
            if position >= prefix:
                columns[position + shift] = True
    return columns


def writes_completion(condition: Condition) -> bool:
    """Whether a condition writes over generated positions."""
    return isinstance(condition, Editing) and selects_completion(condition.positions)


def prefix_left(condition: Condition, prompts: Sequence[Prompt], prefix: int) -> int:
    """How much of a shared prefix stays shared: a payload that differs between prompts makes its positions their own."""
    if not isinstance(condition, Editing) or not any(edit.prompts for edit in condition.edits()):
        return prefix
    return min(prefix, *(first_position(prompt, condition.positions) for prompt in prompts))
