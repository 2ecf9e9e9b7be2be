"""`workbench check` on the command line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., tuple[int, str, str]]


def test_a_sound_model(command: Command, tiny_checkpoint: Callable[..., Path]) -> None:
    status, out, err = command("check", str(tiny_checkpoint("gpt-neox")), "--dtype", "float64")
    assert (status, err) == (0, "")
    assert "13 of 13 passed." in out
    assert "leak of a hidden span" in out
    assert "FAIL" not in out


def test_a_failure_is_the_exit_status(
    command: Command, tiny_checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from workbench.models import probe
    from workbench.runs.trust import CACHE

    # The model is sound: other tests, which use it too, must not hear of this.
    monkeypatch.setenv(CACHE, str(tmp_path))
    monkeypatch.setattr(probe, "HOOKS", (*probe.HOOKS, "hook_that_is_nowhere"))
    status, out, _ = command("check", str(tiny_checkpoint("llama")))
    assert status == 1
    assert "hooks missing or silent" in out
    assert "FAIL" in out
    assert "12 of 13 passed, 1 FAILED." in out


def test_what_cannot_be_loaded_is_said(command: Command, tiny_checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint("llama"), tmp_path / "copy"))
    (folder / "model.safetensors").unlink()
    status, out, err = command("check", str(folder))
    assert (status, out) == (2, "")
    assert err.startswith(f"workbench: {folder} has no weights")


def test_the_result_is_kept_for_runs(
    command: Command, tiny_checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from workbench.models.load import load
    from workbench.runs.trust import CACHE, recall

    folder = tiny_checkpoint("opt")
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    assert command("check", str(folder))[0] == 0
    kept = recall(load(folder))
    assert kept is not None
    assert len(kept["results"]) == 13
    # Nowhere to keep it: the check counts all the same.
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(CACHE, str(tmp_path / "file"))
    status, out, err = command("check", str(folder))
    assert (status, "13 of 13 passed." in out) == (0, True)
    assert err.startswith("workbench: the result cannot be kept for later runs (")
