"""What the tests of adapters share: tiny items, and settings that train in a moment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.lora.settings import PRESETS, Training
from workbench.tasks.task import Item, Task

WORDS = ["cat", "dog", "house", "red", "small", "book", "table", "see", "sleep", "where", "the cat", "a dog"]


@pytest.fixture(scope="session")
def tiny_training() -> Training:
    """Two items a step, no dropout."""
    return replace(
        PRESETS["mini"], rank=4, learning_rate=1e-2, training_items=8, validation_items=4, training_batch=2, epochs=2
    )


@pytest.fixture(scope="session")
def tiny_task() -> Task:
    """Twelve pairs of words: eight to learn from (the pool), four to validate on."""
    items = [Item(f"tiny/{n}", word, WORDS[(n + 5) % len(WORDS)]) for n, word in enumerate(WORDS)]
    return Task("tiny", "tiny", "Answer", items[:8], items[8:], stop=("\n",), max_new_tokens=4)
