"""From the settings of a run to its task and its prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from workbench.formats import find_format
from workbench.prompts import Prompt, Tokenizes, build_prompt
from workbench.tasks.registry import find_task
from workbench.tasks.task import Item, Task


@runtime_checkable
class Described(Protocol):
    """What the rows of a table say of a model."""

    @property
    def name(self) -> str:
        """As it was asked for."""

    @property
    def n_layers(self) -> int:
        """Depth."""


def about(model: Described, task: Task) -> dict[str, Any]:
    """Columns of every row measured with that model on that task."""
    return {"model": model.name, "n_layers": model.n_layers, "task": task.name, "kind": task.kind}


def checked_task(
    name: str, *, format: str, examples: int, data: Path | None = None, max_new_tokens: int | None = None
) -> Task:
    """The task of that name, once it is known that prompts of that format with so many examples can be made of it.

    Raises:
        UserError: they cannot.
    """
    task = find_task(name, data=data)
    find_format(format, task.kind)
    task.examples(examples, seed=0)
    return task if max_new_tokens is None else replace(task, max_new_tokens=max_new_tokens)


def prompts_of(
    model: Tokenizes, task: Task, items: Sequence[Item], *, format: str, examples: int, seed: int
) -> list[Prompt]:
    """A prompt for each item, all with the examples that the seed draws."""
    shown = task.examples(examples, seed)
    return [build_prompt(model, find_format(format, task.kind), task, shown, item) for item in items]
