"""Which prompt an explorer shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workbench.errors import UserError
from workbench.formats import CHAT_FORMATS, FORMATS
from workbench.models.model import Model
from workbench.prompt_sets import checked_task, prompts_of
from workbench.prompts import Prompt
from workbench.tasks.registry import families, find_task
from workbench.tasks.task import Task


@dataclass(frozen=True)
class Asked:
    """One test item of a task, in a prompt format, with examples."""

    task: str = "translate-en-fr"
    """As listed by `workbench tasks`."""
    sentence: int = 0
    """Place of the test item in the task's test set, from 0."""
    format: str = "instr_none_QA"
    """Prompt format."""
    examples: int = 5
    """Examples in the prompt."""
    seed: int = 0
    """Seed that the examples are drawn by."""
    data: Path | None = None
    """Folder of the data set, for tasks that read one."""

    def prompt(self, model: Model) -> tuple[Task, Prompt]:
        """The task and the prompt.

        Raises:
            UserError: there is no such prompt.
        """
        task = checked_task(self.task, format=self.format, examples=self.examples, data=self.data)
        if not 0 <= self.sentence < len(task.test):
            raise UserError(f"Test item {self.sentence} was asked for; {task.name} has 0 to {len(task.test) - 1}.")
        items = [task.test[self.sentence]]
        return task, prompts_of(model, task, items, format=self.format, examples=self.examples, seed=self.seed)[0]


def task_names(data: Path | None) -> list[str]:
    """Every task with a name of its own; those of programs read a data set, and so only if there is a folder of it."""
    return [name for family in families() if data or family.kind != "program" for name in family.names]


def sentences(task: str, data: Path | None, limit: int) -> list[tuple[str, int]]:
    """The sources of a task's first test items, numbered so that no two are the same, and their places."""
    items = find_task(task, data=data).test[:limit]
    return [(f"{place}: {' '.join(item.source.split())[:_SHOWN]}", place) for place, item in enumerate(items)]


def format_names(model: Model, task: str, data: Path | None) -> list[str]:
    """The formats that prompts of a task can be written in for this model."""
    found = find_task(task, data=data)
    fitting = [
        name
        for name, format_ in FORMATS.items()
        if (format_.kinds is None or found.kind in format_.kinds)
        and (found.instruction or "{instruction}" not in format_.header)
    ]
    return fitting + (list(CHAT_FORMATS) if model.tokenizer.chat_template else [])


_SHOWN = 90
"""Characters of a source in a list to pick from."""
