"""A paper made up for the tests, in tables like those of paper A."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

POINT_COLUMNS = (
    *("experiment", "version", "model", "direction", "series", "quantity", "layer", "value", "low", "high"),
    *("source", "read", "note"),
)
EXPERIMENTS = [
    "experiment version model directions examples figures note",
    *(
        f"{name} first {model} en-fr - figure-1 said"
        for name in ("context-masking", "attention-removal")
        for model in ("Toy", "any")
    ),
    "number-of-examples first Toy en-fr 0,1,2 figure-2 said",
]
SETTINGS = [
    "experiment version setting value standing source",
    "context-masking any examples 1 must_agree text",
    "context-masking any test_prompts 4 must_agree text",
    "context-masking any longest_completion 3 must_agree text",
    "context-masking any seeds 0 noted text",
    "attention-removal any examples 1 must_agree text",
    "attention-removal any longest_completion 3 must_agree text",
    "attention-removal any seeds 0 noted text",
    "number-of-examples any longest_completion 3 must_agree text",
    "number-of-examples any seeds 0 noted text",
]
MODELS = ["model known_as note dtype", "Toy toy - float32", "Small gpt-neo-125M - 8_bits"]


def write_table(path: Path, rows: Sequence[str]) -> None:
    """Words become columns; `_` is a space, `,` separates numbers, `-` is nothing."""
    lines = ["\t".join("" if word == "-" else word.replace(",", " ") for word in row.split()) for row in rows]
    header, *rest = lines
    text = "\n".join(["# made up", header, *(line.replace("_", " ") for line in rest)])
    path.write_text(text + "\n", encoding="utf-8")


@pytest.fixture
def made_up(tmp_path: Path) -> Callable[..., Path]:
    """The folder of a paper that ran context masking on its model Toy, with the points given (tuples of POINT_COLUMNS)."""

    def make(*points: Sequence[object]) -> Path:
        folder = tmp_path / "made-up"
        folder.mkdir(exist_ok=True)
        for name, rows in (("experiments", EXPERIMENTS), ("settings", SETTINGS), ("models", MODELS)):
            write_table(folder / f"{name}.tsv", rows)
        lines = ["\t".join(map(str, row)) for row in (POINT_COLUMNS, *points)]
        (folder / "points.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder

    return make
