"""A task without its items: what training draws from, without end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np

Split = Literal["train", "pool", "test"]


@runtime_checkable
class Drawn(Protocol):
    """What a mapping is asked of: a meaning, a word, an argument."""

    @property
    def split(self) -> Split:
        """Whether it may be trained on, shown as an example, or tested."""


Subject = TypeVar("Subject", bound=Drawn)


@dataclass(frozen=True)
class Mapping(Generic[Subject]):
    """How a task's sources and targets are drawn."""

    kind: str
    instruction: str
    draw: Callable[[np.random.Generator], Subject]
    """Draws one of the things that the task can be asked of, of any split."""
    pair: Callable[[Subject, np.random.Generator], tuple[str, str]]
    """From such a thing (and chance, where the answer is drawn) to source and target."""
