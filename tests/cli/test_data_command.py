"""`workbench data` on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def flores(tmp_path: Path) -> Path:
    """A folder like FLORES-200's with a language that it has not."""
    for split, count in (("dev", 997), ("devtest", 1012)):
        (tmp_path / "given" / split).mkdir(parents=True)
        (tmp_path / "given" / split / f"aaa_Latn.{split}").write_text("a sentence\n" * count)
    return tmp_path / "given"


def test_prepare_then_verify(command: Command, flores: Path, tmp_path: Path) -> None:
    status, out, err = command("data", "prepare", "flores", "--from", str(flores))
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "files: 2, lines: 2009",
        "  2 whose published checksum is not known here: recorded for later use",
        "data/flores200/splits.json",
        "data/flores200",
    ]
    assert command("data", "verify", "data/flores200") == (0, "files: 2, all as they were prepared\n", "")
    (tmp_path / "data" / "flores200" / "dev" / "aaa_Latn.dev").write_text("another\n")
    status, out, err = command("data", "verify", "data/flores200")
    assert (status, out) == (2, "")
    assert err.startswith("workbench: data/flores200/dev/aaa_Latn.dev has changed since it was prepared")


@pytest.mark.real_data
def test_a_published_file_is_said_to_be_one(command: Command, real_data: Path) -> None:
    status, out, _ = command("data", "prepare", "mbpp", "--from", str(real_data / "mbpp" / "mbpp.jsonl"))
    assert status == 0
    assert (
        "mbpp.jsonl: sha256 ccf64ceae9c5403bf50a044cb6d505bfd2a2963ee58338ba268fd65beab92a9f: the published one" in out
    )
    assert "  1 equal to the published ones\n" in out


def test_what_cannot_be_understood(command: Command) -> None:
    status, _, err = command("data", "prepair")
    assert (status, err) == (2, "workbench: There is no action 'prepair'; did you mean prepare?\n")
    status, _, err = command("data", "prepare", "flores", "--from", "none.tar.gz")
    assert status == 2
    assert err.startswith("workbench: There is no file or folder none.tar.gz;")
    assert command("data")[0] == 2
    assert command("data", "prepare", "floras")[0] == 2
