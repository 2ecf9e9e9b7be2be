"""What a tuned lens is trained on: the model's own task prompts, or a text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import UserError
from workbench.formats import find_format
from workbench.internals.residual_streams import Passage
from workbench.models.model import Model
from workbench.prompts import Prompt, Segment, build_prompt
from workbench.tasks.task import Task

STRETCH = 256
"""Longest stretch of text read at once, in tokens."""


@dataclass(frozen=True)
class TaskPrompts:
    """Prompts made of the tasks' pools, examples and query alike: no test item is ever read."""

    tasks: Sequence[Task]
    format: str
    examples: int

    @property
    def described(self) -> dict[str, Any]:
        """The tasks with their data, and how prompts are made of them."""
        tasks = [f"{task.name} {task.digest}".strip() for task in self.tasks]
        return {"tasks": tasks, "format": self.format, "examples": self.examples}

    def drawn(self, model: Model, generator: np.random.Generator, count: int) -> list[Passage]:
        """Prompts followed by their references, each of a task and items drawn by chance, with all positions.

        Raises:
            UserError: a task's pool holds no more items than a prompt shows.
        """
        return [Passage.of(self._prompt(model, generator), "all") for _ in range(count)]

    def _prompt(self, model: Model, generator: np.random.Generator) -> Prompt:
        task = self.tasks[int(generator.integers(len(self.tasks)))]
        if len(task.pool) <= self.examples:
            raise UserError(
                f"Task {task.name!r} has {len(task.pool)} items to train on, and a prompt needs {self.examples + 1}: "
                "give fewer examples, or a text."
            )
        places = generator.permutation(len(task.pool))[: self.examples + 1]
        *shown, asked = (task.pool[int(place)] for place in places)
        return build_prompt(model, find_format(self.format, task.kind), task, shown, asked)


@dataclass(frozen=True)
class Text:
    """Stretches of a text file, from anywhere in it."""

    path: Path

    @property
    def described(self) -> dict[str, Any]:
        """The file's name and the hash of its text."""
        return {"text": self.path.name, "sha256": hashlib.sha256(self._text.encode()).hexdigest()}

    @cached_property
    def _text(self) -> str:
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{self.path} cannot be read ({error}): give a text file in UTF-8.") from error
        if not text.strip():
            raise UserError(f"{self.path} is empty: give a text to train the lens on.")
        return text

    @cached_property
    def _tokens(self) -> dict[str, tuple[int, ...]]:
        return {}

    def drawn(self, model: Model, generator: np.random.Generator, count: int) -> list[Passage]:
        """Stretches of the text, with all positions but the beginning-of-sequence token's."""
        if model.digest not in self._tokens:
            self._tokens[model.digest] = tuple(model.encode(self._text)[0])
        tokens = self._tokens[model.digest]
        if model.bos is not None and tokens[:1] == (model.bos,):
            tokens = tokens[1:]
        length = min(STRETCH, model.window - 1, len(tokens))
        starts = generator.integers(len(tokens) - length + 1, size=count)
        return [_stretch(model, tokens[int(start) : int(start) + length]) for start in starts]


def _stretch(model: Model, tokens: tuple[int, ...]) -> Passage:
    """Text as a prompt that is all query."""
    begun = () if model.bos is None else (model.bos,)
    ids = begun + tokens
    segments = (Segment("query", 0, len(ids)),)
    prompt = Prompt("text", "", ids, segments, "", "", (), (), 1)
    return Passage(prompt, tuple(range(len(begun), len(ids))))
