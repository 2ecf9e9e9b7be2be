"""What a run says of how its numbers were made."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from workbench.runs.files import sha256
from workbench.runs.models import Checkpoints, ModelSource
from workbench.runs.provenance import (
    NUMERICAL,
    environment,
    git_revision,
    metric_signatures,
    model_facts,
    versions,
)
from workbench.runs.records import read_provenance


def test_everything_about_a_run_is_in_its_provenance(run_toy: Any) -> None:
    folder = run_toy(seeds=(3, 4))
    found = read_provenance(folder.path)
    assert found["analysis"] == "counting"
    assert found["seeds"] == [3, 4]
    assert found["settings"]["limit"] == 3
    assert found["plan"]["batches"] == {"0": 8}
    assert found["plan"]["threads"] >= 1
    assert found["cells_done"] == "2 of 2"
    assert [cell["cell"] for cell in found["cells"]] == ["model=small, seed=3", "model=small, seed=4"]
    assert found["files"]["measurements.parquet"] == sha256(folder.path / "measurements.parquet")
    assert found["metrics"]["length"] == "characters, spaces counted"
    (start,) = found["starts"]
    assert start["command"] == ["workbench", "run", "counting"]
    assert start["seconds"] > 0
    assert set(found["made_by"]) == {"workbench", "instrument", "analysis", *NUMERICAL}


def test_scores_of_the_workbench_are_signed_without_being_asked(run_toy: Any) -> None:
    found = read_provenance(run_toy().path)["metrics"]
    assert set(found) == {"length", "exact_match"}
    assert "version" in metric_signatures(["bleu", "seed"])["bleu"]
    assert list(metric_signatures(["bleu", "seed"])) == ["bleu"]


def test_damaged_provenance_stops_nothing(run_toy: Any) -> None:
    folder = run_toy()
    (folder.path / "provenance.json").write_text("{")
    assert read_provenance(folder.path) == {}
    run_toy()
    assert len(json.loads((folder.path / "provenance.json").read_text())["starts"]) == 1


def test_versions_are_those_installed() -> None:
    made_by = versions(Path(__file__))
    assert made_by["torch"] == metadata.version("torch")
    assert made_by["transformer-lens"] == metadata.version("transformer-lens")
    assert environment()["versions"]["pyarrow"] == metadata.version("pyarrow")
    assert "missing" not in made_by.values()


def test_the_revision_is_that_of_a_working_copy_only(tmp_path: Path) -> None:
    assert git_revision(tmp_path) is None

    def git(*arguments: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        command = ["git", "-C", str(tmp_path), *who, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "first")
    revision = git("rev-parse", "HEAD")
    assert git_revision(tmp_path) == {"revision": revision, "changed": False}
    (tmp_path / "file").write_text("two")
    assert git_revision(tmp_path) == {"revision": revision, "changed": True}
    # Installed into somebody's repository, the workbench has no revision of its own.
    (tmp_path / "installed").mkdir()
    assert git_revision(tmp_path / "installed") is None


def test_facts_of_a_model_are_taken_as_far_as_it_has_them() -> None:
    config = SimpleNamespace(dtype=torch.bfloat16, device="cuda:1")
    model = SimpleNamespace(digest="a", n_layers=4, hooked=SimpleNamespace(cfg=config), name="mini")
    assert model_facts(model) == {"digest": "a", "n_layers": 4, "dtype": "bfloat16", "device": "cuda:1"}
    assert model_facts(object()) == {}


def test_checkpoints_are_hashed_without_loading_them(tiny_checkpoint: Callable[..., Path]) -> None:
    folder = tiny_checkpoint("gpt2")
    source = Checkpoints(SimpleNamespace(dtype="float64"))
    assert isinstance(source, ModelSource)
    model = source.load(str(folder))
    assert source.digest(str(folder)) == model.digest
    assert model_facts(model)["dtype"] == "float64"
    with pytest.raises(Exception, match="There is no folder"):
        source.digest("/no/such/folder")
