"""What a sweep says of its memory before it runs, and who is listening: the runner tells the user and writes it down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, runtime_checkable


@runtime_checkable
class Said(Protocol):
    """An estimate that can be read, and compared with others."""

    @property
    def total(self) -> int:
        """Bytes."""


_listener: ContextVar[Callable[[Said], object] | None] = ContextVar("listener", default=None)


@contextmanager
def heard(listener: Callable[[Said], object]) -> Iterator[None]:
    """Call `listener` with every estimate that is announced inside, before what it is about begins."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def announce(estimate: Said) -> None:
    """Say how much memory what comes next will take."""
    listener = _listener.get()
    if listener is not None:
        listener(estimate)
