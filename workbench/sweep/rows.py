"""Which rows the fast sweep runs: what prompts share, how each condition sees it, and who still shares a trunk.

*Own* tokens are those behind the prefix that all prompts share (the query, as a rule). A *view* is a way of seeing the
prefix; conditions with one view read the same keys. A *row* is one prompt under one condition. Rows whose completion is
the same so far form a *group*, whose trunk they share below their first layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from workbench.interventions.conditions import Condition, ContextMask
from workbench.interventions.edits import Editing
from workbench.interventions.positions import first_position
from workbench.prompts import Prompt


@dataclass(frozen=True)
class View:
    """What the rows of some conditions read of the prefix, from their first layer on."""

    columns: tuple[int, ...]
    """Prefix positions whose keys are those of the clean run."""
    branched: tuple[int, ...] = ()
    """Prefix positions that the condition changes themselves: it writes there, or hides something from them."""
    zeroed: frozenset[int] = frozenset()
    """Prefix positions whose weight is set to zero after the softmax."""
    condition: int | None = None
    """The condition whose changed prefix this is; None where nothing in the prefix changes."""


@dataclass(frozen=True)
class Row:
    """One prompt under one condition."""

    prompt: int
    condition: int
    first_layer: int
    """First layer that is not the clean run's."""
    reads_from: int
    """The same while the prompt is read: no layer where the condition changes the completion alone."""


def prefix_length(prompts: Sequence[Prompt]) -> int:
    """How many leading tokens all prompts share, with the segments they belong to.

    At most the context: the query's first delimiter may be the same in all prompts too, but a mask that hides the
    context changes it, and would then have a prefix of its own to keep.
    """
    described = [list(zip(prompt.token_ids, _paths(prompt), strict=True)) for prompt in prompts]
    for index in range(min(len(each) for each in described)):
        path = described[0][index][1]
        if path.startswith("query") or any(each[index] != described[0][index] for each in described):
            return index
    raise ValueError("a prompt without a query")


def view_of(condition: Condition, index: int, prompt: Prompt, prefix: int) -> View:
    """How the condition sees the prefix; `prompt` is any one of the prompts that share it."""
    everything = tuple(range(prefix))
    if isinstance(condition, Editing):
        first = min(prefix, first_position(prompt, condition.positions))
        return View(everything[:first], everything[first:], condition=index if first < prefix else None)
    if not isinstance(condition, ContextMask):
        return View(everything)
    hidden = {position for position in prompt.positions(*condition.hidden) if position < prefix}
    if not hidden:
        return View(everything)
    first = min(hidden)
    zeroed = frozenset() if condition.renormalise else frozenset(hidden)
    read = everything if zeroed else tuple(position for position in everything if position not in hidden)
    # The first hidden position changes too if it does not even see itself.
    unchanged = tuple(position for position in read if position < first + condition.sees_itself)
    branched = read[len(unchanged) :]
    return View(unchanged, branched, zeroed, index if branched else None)


def own_columns(
    prompts: Sequence[Prompt], prefix: int
) -> tuple[Int[Tensor, "prompt column"], Bool[Tensor, "prompt column"]]:
    """Own tokens padded on the left, and which columns are real."""
    width = max(len(prompt.token_ids) for prompt in prompts) - prefix
    token_ids = torch.zeros(len(prompts), width, dtype=torch.long)
    real = torch.zeros(len(prompts), width, dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        own = prompt.token_ids[prefix:]
        token_ids[row, width - len(own) :] = torch.tensor(own)
        real[row, width - len(own) :] = True
    return token_ids, real


def hidden_own(condition: Condition, prompt: Prompt, prefix: int, width: int) -> list[bool]:
    """Which own columns of a prompt a condition hides."""
    columns = [False] * width
    if isinstance(condition, ContextMask):
        shift = width - len(prompt.token_ids)
        for position in prompt.positions(*condition.hidden):
            if position >= prefix:
                columns[position + shift] = True
    return columns


@dataclass(frozen=True)
class Groups:
    """Rows that share a trunk, deepest trunk first."""

    members: tuple[tuple[int, ...], ...]
    """Rows of each group."""
    depths: tuple[int, ...]
    """Layers that each group's trunk goes through: the largest first layer among its rows."""

    @classmethod
    def of(cls, members: Sequence[Sequence[int]], first_layers: Sequence[int]) -> Groups:
        """Sort groups by the depth of their trunk; rows branch off at their first layers."""
        depths = [max(first_layers[row] for row in group) for group in members]
        order = sorted(range(len(members)), key=lambda group: -depths[group])
        return cls(tuple(tuple(members[group]) for group in order), tuple(depths[group] for group in order))

    def reaching(self, layer: int) -> int:
        """How many trunks go through a layer; they are the first ones."""
        return sum(depth > layer for depth in self.depths)


def _paths(prompt: Prompt) -> list[str]:
    paths = [""] * len(prompt.token_ids)
    for segment in prompt.segments:
        paths[segment.start : segment.end] = [segment.path] * (segment.end - segment.start)
    return paths
