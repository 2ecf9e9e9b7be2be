"""The sweeps of a task whose answers are programs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from analyses import context_masking, task_recognition
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
@pytest.mark.usefixtures("half_right")
def test_from_the_model_to_the_report(tiny_checkpoint, code_folder: Path, tmp_path: Path) -> None:
    allowed = config(tiny_checkpoint("llama"), code_folder, allow_code_execution=True, layers=(2,), engine="reference")
    finished = run(task_recognition, allowed, tmp_path / "run", progress=False)
    table = finished.folder.measurements()
    right = {prompt: {values[0] for values in rows} for prompt, rows in table.groupby("prompt")["pass_at_1"]}
    assert right == {"humaneval/test/0": {1.0}, "humaneval/test/1": {0.0}}
    drawn = {picture.name: picture.figure for picture in finished.page.pictures}["humaneval.pass_at_k"]
    assert {line.name: set(line.y) for line in drawn.data if line.name} == {"pass@1": {0.5}, "pass@2": {0.5}}
    assert "pass@2" in finished.index.read_text()
    assert (tmp_path / "run" / "figures" / "humaneval.pass_at_k.html").is_file()
    provenance = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert provenance["settings"]["allow_code_execution"] is True
    assert "cpu:3s" in provenance["metrics"]["pass_at_1"]


@pytest.mark.sandbox
@pytest.mark.usefixtures("half_right")
def test_all_masks_of_programs(tiny_checkpoint, code_folder: Path, tmp_path: Path) -> None:
    wanted = context_masking.Config(
        model=str(tiny_checkpoint("llama", max_position_embeddings=1024)),
        task=("humaneval",),
        data=code_folder,
        masks=("TTF", "FFT"),
        instruction_format="instr_code_gen",
        examples=1,
        layers=(2,),
        limit=2,
        max_new_tokens=5,
        allow_code_execution=True,
        engine="reference",
    )
    page = run(context_masking, wanted, tmp_path / "run", progress=False).page
    drawn = {picture.name: picture.figure for picture in page.pictures if picture.section == "pass@k"}
    assert len(drawn) == 3
    for figure in drawn.values():
        assert {line.name: set(line.y) for line in figure.data if line.name} == {"pass@1": {0.5}, "pass@2": {0.5}}
    (table,) = (table for table in page.tables if table.name == "pass@k")
    assert set(table.frame["Mask"]) == {"TTF", "FFT", "FTF"}
    page = run(context_masking, replace(wanted, seeds=(0,)), tmp_path / "one", progress=False).page
    assert "pass@k" not in {*(picture.section for picture in page.pictures), *(table.name for table in page.tables)}


@pytest.mark.sandbox
@pytest.mark.real_data
def test_real_problems_and_a_real_model(real_data: Path, tmp_path: Path) -> None:
    """HumanEval's own tests judge what a pretrained checkpoint writes; a model of children's stories solves none."""
    wanted = config(real_data / "stories260k", real_data, allow_code_execution=True, layers=(2,), max_new_tokens=16)
    finished = run(task_recognition, wanted, tmp_path / "run", progress=False)
    table = finished.folder.measurements()
    assert set(table["prompt"]) == {"humaneval/test/0", "humaneval/test/1"}
    assert {tuple(values) for values in table["pass_at_1"]} == {(0.0, 1.0)}
    assert "humaneval.pass_at_k" in {picture.name for picture in finished.page.pictures}
    completions = finished.folder.table()["completion"]
    assert completions.str.len().gt(0).any()
