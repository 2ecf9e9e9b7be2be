"""A cell's key changes with everything that can change its numbers, and with nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.runs.cells import Slot, cell_key, plain


@dataclass(frozen=True)
class Cell:
    task: str
    seed: int


@dataclass(frozen=True)
class Nested:
    cell: Cell
    layers: tuple[int, ...]


BASE: dict[str, Any] = {
    "analysis_name": "counting",
    "config_fields_that_matter": {"examples": 5, "masks": ("TTF", "FTF"), "data": Path("here")},
    "cell": Cell("translate-en-fr", 0),
    "model_digest": "a1",
    "task_digest": "b2",
    "versions": {"torch": "2.13.0"},
}


def key(**changed: Any) -> str:
    return cell_key(**{**BASE, **changed})


@pytest.mark.parametrize(
    "changed",
    [
        {"analysis_name": "other"},
        {"config_fields_that_matter": {**BASE["config_fields_that_matter"], "examples": 4}},
        {"config_fields_that_matter": {**BASE["config_fields_that_matter"], "masks": ("FTF", "TTF")}},
        {"config_fields_that_matter": {**BASE["config_fields_that_matter"], "extra": None}},
        {"cell": Cell("translate-en-fr", 1)},
        {"model_digest": "a2"},
        {"task_digest": ""},
        {"versions": {"torch": "2.13.1"}},
    ],
)
def test_whatever_can_change_a_number_changes_the_key(changed: dict[str, Any]) -> None:
    assert key(**changed) != key()


def test_what_cannot_change_a_number_leaves_the_key_alone() -> None:
    turned = dict(reversed(BASE["config_fields_that_matter"].items()))
    turned["masks"] = list(turned["masks"])
    assert key(config_fields_that_matter=turned) == key()
    assert len(key()) == 64


def test_the_key_is_the_same_in_every_process() -> None:
    made = cell_key("counting", {"examples": 5}, Cell("a", 0), "model", "task", {"torch": "2"})
    hashed = (
        '{"analysis": "counting", "cell": {"seed": 0, "task": "a"}, "model": "model", '
        '"settings": {"examples": 5}, "task": "task", "versions": {"torch": "2"}}'
    )
    assert made == hashlib.sha256(hashed.encode()).hexdigest()


def test_plain_values() -> None:
    value = Nested(Cell("é", 3), (1, 2))
    assert plain(value) == {"cell": {"task": "é", "seed": 3}, "layers": [1, 2]}
    assert plain({"path": Path("a/b"), 1: None}) == {"path": "a/b", "1": None}


@pytest.mark.parametrize("value", [{1, 2}, object(), np.float64, np.zeros(2), lambda: 1, b"bytes"])
def test_what_cannot_be_written_faithfully_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="must be made of text"):
        plain({"setting": value})


def test_a_slot_has_a_name_for_its_file_and_one_for_people() -> None:
    slot = Slot(7, Cell("translate-en-fr", 2), key())
    assert slot.name == f"0007-{key()[:12]}"
    assert slot.described == "task=translate-en-fr, seed=2"
