"""Small data that analyses are tested on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

WORDS = ["cat", "dog", "house", "red", "small", "book", "table", "see", "sleep", "where", "the cat", "a dog"]


@pytest.fixture(scope="session")
def word_pairs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a task of twelve pairs, half of them to draw examples from."""
    path: Path = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    rows = [
        {
            "source": word,
            "target": WORDS[(n + 5) % len(WORDS)],
            "instruction": "Answer",
            "split": "pool" if n % 2 else "test",
        }
        for n, word in enumerate(WORDS)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return f"jsonl:{path}"
