"""A small model and tasks without data for the explorers, and text that must stay text."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

HOSTILE = "<script>alert(1)</script> & </script> \"x\" 'y'"


@pytest.fixture
def small(tiny_model, monkeypatch):
    """A tiny model, and one task about it under a name of its own, with a second of another name."""
    from workbench.explorers import asked as module
    from workbench.tasks.task import Item, Task

    words = ["cat", HOSTILE, "red house", "see", "where is the book?", "a dog", "the table", "small"]
    items = [Item(f"tiny/{n}", word, words[(n + 3) % len(words)]) for n, word in enumerate(words)]
    tasks = {
        name: Task(name, "tiny", "Answer", items[5:], items[:count], stop=("\n",), max_new_tokens=5)
        for name, count in (("toy", 5), ("other", 3))
    }

    def find(name, *, data=None):
        from workbench.errors import UserError

        if name not in tasks:
            raise UserError(f"Task {name!r} needs <data>.")
        return tasks[name]

    for target in (module, __import__("workbench.prompt_sets", fromlist=["find_task"])):
        monkeypatch.setattr(target, "find_task", find)
    return SimpleNamespace(model=tiny_model("llama"), tasks=tasks, names=["toy", "other", "missing"], hostile=HOSTILE)
