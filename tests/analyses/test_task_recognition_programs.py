"""The sweep of a task whose answers are programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analyses import task_recognition
from analyses.task_recognition import Config, cells
from workbench.errors import UserError
from workbench.runs.runner import run


def config(model: Path | str, data: Path, **settings) -> Config:
    chosen = {"examples": 1, "seeds": (0, 1), "limit": 2, "max_new_tokens": 5, "format": "instr_code_gen", **settings}
    return Config(model=str(model), task=("humaneval",), data=data, **chosen)


def test_programs_are_not_executed_without_leave(code_folder: Path) -> None:
    with pytest.raises(
        UserError, match=r"executes programs that the model writes; allow it with --allow-code-execution"
    ):
        cells(config("mini", code_folder))
    assert cells(config("mini", code_folder, scores=("agreement",))), "nothing is executed for other scores"


@pytest.mark.sandbox
def test_from_the_model_to_the_report(tiny_checkpoint, code_folder: Path, tmp_path: Path, monkeypatch) -> None:
    from workbench.sweep.completions import Completions

    real = Completions.row

    def half_right(self: Completions, row: int):
        """The first problem's program is right wherever it is asked for; the others are the model's."""
        tokens, text, stopped = real(self, row)
        source = self._prompts[row].source
        return tokens, "def helper(x): return x\nsolve = helper" if "Add 0" in source else text, stopped

    monkeypatch.setattr(Completions, "row", half_right)
    allowed = config(tiny_checkpoint("llama"), code_folder, allow_code_execution=True, layers=(2,), engine="reference")
    finished = run(task_recognition, allowed, tmp_path / "run", progress=False)
    table = finished.folder.measurements()
    right = {prompt: {values[0] for values in rows} for prompt, rows in table.groupby("prompt")["pass_at_1"]}
    assert right == {"humaneval/test/0": {1.0}, "humaneval/test/1": {0.0}}
    page = finished.index.read_text()
    assert "pass@2" in page
    provenance = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert provenance["settings"]["allow_code_execution"] is True
    assert "cpu:3s" in provenance["metrics"]["pass_at_1"]
