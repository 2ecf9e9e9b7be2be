"""Small data that analyses are tested on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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


@pytest.fixture
def half_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first problem's program is right wherever it is asked for; the others are the model's."""
    from workbench.sweep.completions import Completions

    real = Completions.row

    def planted(self: Completions, row: int) -> tuple[tuple[int, ...], str, bool]:
        tokens, text, stopped = real(self, row)
        source = self._prompts[row].source
        return tokens, "def helper(x): return x\nsolve = helper" if "Add 0" in source else text, stopped

    monkeypatch.setattr(Completions, "row", planted)


@pytest.fixture
def real_settings(real_data: Path) -> dict[str, Any]:
    """A real model, asked for a few tokens of two real sentences."""
    return {
        "model": str(real_data / "stories260k"),
        "task": ("flores:eng_Latn-fra_Latn",),
        "data": real_data,
        "limit": 2,
        "max_new_tokens": 5,
    }


@pytest.fixture
def few_lessons() -> dict[str, Any]:
    """A training of three steps."""
    return {"training_items": 6, "validation_items": 2, "training_batch": 2, "epochs": 1}
