"""What of a file its measurements need."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.runs.source import PACKAGE, analysis_digest, instrument_digest, needed_source

SOURCE = '''
"""What?"""
import math
import colours
LIMIT = 3
FACTOR = LIMIT * 2
SHADE = "red"

class Config:
    """Settings."""
    limit: int = LIMIT
    """How many."""

def cells(config):
    return [helper(config)]

def helper(config):
    # a remark
    return math.sqrt(FACTOR)

def measure(config, cell, model):
    """Rows."""
    return cell

def figures(table):
    return caption(SHADE)

def caption(text):
    return colours.paint(text)
'''


def digest_of(source: str, folder: Path) -> str:
    path = folder / "analysis.py"
    path.write_text(source)
    return analysis_digest(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return cell\n", "return [cell]\n"),
        ("LIMIT = 3", "LIMIT = 4"),
        ("math.sqrt(FACTOR)", "math.sqrt(FACTOR) + 1"),
        ("limit: int = LIMIT", "limit: int = 7"),
        ("import math", "import cmath as math"),
    ],
)
def test_what_a_number_goes_through_counts(old: str, new: str, tmp_path: Path) -> None:
    assert old in SOURCE
    assert digest_of(SOURCE.replace(old, new), tmp_path) != digest_of(SOURCE, tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return caption(SHADE)", "return {}"),
        ('"red"', '"blue"'),
        ("import colours", "import paints as colours"),
        ("# a remark", "# another remark"),
        ('"""Settings."""', '"""The settings."""'),
        ('"""How many."""', '"""As many as this."""'),
        ('"""Rows."""', ""),
        ('"""What?"""', '"""Who?"""'),
    ],
)
def test_pictures_remarks_and_help_do_not(old: str, new: str, tmp_path: Path) -> None:
    assert old in SOURCE
    assert digest_of(SOURCE.replace(old, new), tmp_path) == digest_of(SOURCE, tmp_path)


def test_what_is_bound_in_a_block_is_found() -> None:
    source = "try:\n    import fast as engine\nexcept ImportError:\n    engine = None\nother = 1\n"
    needed = needed_source(source + "def measure():\n    return engine\n", ["measure"])
    assert "fast" in needed
    assert "other" not in needed


def test_the_instrument_is_hashed_without_its_pictures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("scoring/bleu.py", "views/theme.py", "tasks/words.tsv", "cli/main.py", "notes.md"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("one")
    monkeypatch.setattr("workbench.runs.source.PACKAGE", tmp_path)

    def after(name: str) -> str:
        (tmp_path / name).write_text("two")
        instrument_digest.cache_clear()
        return instrument_digest()

    instrument_digest.cache_clear()
    first = instrument_digest()
    assert [after(name) for name in ("views/theme.py", "cli/main.py", "notes.md")] == [first] * 3
    scoring = after("scoring/bleu.py")
    assert len({first, scoring, after("tasks/words.tsv")}) == 3
    instrument_digest.cache_clear()


def test_the_folders_left_out_are_those_of_the_workbench() -> None:
    assert (PACKAGE / "errors.py").is_file()
    assert {"cli", "runs", "views"} <= {path.name for path in PACKAGE.iterdir()}
