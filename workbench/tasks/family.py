"""What a file of tasks offers to the rest: families of tasks, each with names, a list entry and a builder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workbench.tasks.task import Task


@dataclass(frozen=True)
class Family:
    """Tasks whose names follow one pattern.

    A new file in `workbench/tasks` (or `tasks.py` in a new folder there) that defines `FAMILIES`, a tuple of
    these, is found by `workbench.tasks.registry`; nothing else has to be edited.
    """

    pattern: str
    """What its names look like, with capitals for what varies: `translate-SOURCE-TARGET`, `tsv:PATH`."""
    kind: str
    """The kind of its tasks."""
    description: str
    """One line for the list of tasks."""
    build: Callable[[str, Path | None], Task]
    """From a name, and the folder of data if one was given, to the task."""
    names: tuple[str, ...] = ()
    """Every name, where there are finitely many. Empty: every name that begins with the pattern's `word:`."""

    @property
    def prefix(self) -> str:
        """`tsv:` for the pattern `tsv:PATH`; empty for a family that lists its names."""
        head, colon, _ = self.pattern.partition(":")
        return "" if self.names else head + colon

    def owns(self, name: str) -> bool:
        """Whether the name is one of this family's."""
        return name.startswith(self.prefix) if self.prefix else name in self.names
