"""Watching what a sandbox leaves behind."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workbench.execution import sandbox


def processes_with(text: str) -> list[str]:
    """The numbers of the processes whose command line holds the text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:  # It has ended meanwhile.
            continue
    return found


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Every sandbox of this test bears a mark in its command line; the function says which processes do now."""
    mark = f"mark-{uuid.uuid4()}"
    monkeypatch.setattr(sandbox, "_INSIDE", f"{sandbox._INSIDE}\n# {mark}\n")
    return lambda: processes_with(mark)


@pytest.fixture
def leaves_nothing(marked: Callable[[], list[str]]) -> Iterator[None]:
    """Fails if a process of a sandbox is still there two seconds after the test."""
    yield
    deadline = time.monotonic() + 2
    while marked() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not marked()
