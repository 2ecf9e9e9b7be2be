"""The hash that stands for a model in keys and provenance."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.models import digest as module
from workbench.models.digest import digest
from workbench.models.files import checkpoint_files


def files(folder: Path, **contents: str) -> list[Path]:
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_text(content)
    return list(folder.iterdir())


def test_definition(tmp_path: Path) -> None:
    expected = hashlib.sha256(b"a\x003\x00onebb\x000\x00").hexdigest()
    assert digest(files(tmp_path / "x", bb="", a="one")) == expected


def test_neither_folder_nor_order_matters(tmp_path: Path) -> None:
    first = files(tmp_path / "x", a="one", b="two")
    second = files(tmp_path / "y", a="one", b="two")
    assert digest(first) == digest(reversed(second))


@pytest.mark.parametrize("other", [{"a": "one", "b": "twO"}, {"a": "onet", "b": "wo"}, {"a": "one", "c": "two"}])
def test_contents_names_and_borders_matter(tmp_path: Path, other: dict[str, str]) -> None:
    assert digest(files(tmp_path / "x", a="one", b="two")) != digest(files(tmp_path / "y", **other))


def test_pieces_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = files(tmp_path / "x", a="a longer text than one piece holds")
    whole = digest(written)
    monkeypatch.setattr(module, "CHUNK", 7)
    assert digest(written) == whole


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "generation_config.json", "model.safetensors"])
def test_every_file_that_matters_is_in_it(tiny_checkpoint: Callable[..., Path], tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint("llama"), tmp_path / "copy"))
    before = digest(checkpoint_files(folder).all)
    (folder / "README.md").write_text("says nothing about the numbers")
    assert digest(checkpoint_files(folder).all) == before
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    assert digest(checkpoint_files(folder).all) != before
