"""Tasks whose answers are programs: judged by pass@1 where a person has allowed it, refused in true words elsewhere."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import pytest

import analyses
from analyses import attention_removal, compute_savings, head_ablation, head_gates, translation_directions
from workbench.errors import UserError
from workbench.runs.runner import run

ASKED: dict[str, Any] = {"seeds": (0, 1), "examples": 1, "limit": 2, "max_new_tokens": 5}
JUDGED = [
    (attention_removal, {"instruction_format": "instr_code_gen", "prompts": ("both",), "baselines": ("instruction",)}),
    (head_ablation, {"format": "instr_code_gen", "sets": ("0.1", "1.0,2.1")}),
]
NO_MODEL = "no-such-model"
EVERY = [import_module(f"analyses.{found.name}") for found in iter_modules(analyses.__path__)]


@pytest.mark.parametrize(("analysis", "settings"), JUDGED)
def test_programs_are_not_executed_without_leave(
    analysis: ModuleType, settings: dict[str, Any], code_folder: Path, tmp_path: Path
) -> None:
    config = analysis.Config(model=NO_MODEL, task=("humaneval",), data=code_folder, **ASKED, **settings)
    with pytest.raises(UserError, match="allow it with --allow-code-execution") as refused:
        run(analysis, config, tmp_path / "run", progress=False)
    assert str(refused.value).count(". ") == 0, "one sentence"
    plain = analysis.Config(
        model=NO_MODEL, task=("humaneval",), data=code_folder, scores=("agreement",), **ASKED, **settings
    )
    assert analysis.cells(plain), "nothing is executed for other scores"


@pytest.mark.sandbox
@pytest.mark.usefixtures("half_right")
@pytest.mark.parametrize(("analysis", "settings"), JUDGED)
def test_from_the_model_to_the_report(
    analysis: ModuleType,
    settings: dict[str, Any],
    tiny_checkpoint: Any,
    code_folder: Path,
    tmp_path: Path,
) -> None:
    config = analysis.Config(
        **{"model": str(tiny_checkpoint("llama")), "task": ("humaneval",), "data": code_folder, "engine": "reference"},
        **{"allow_code_execution": True, **ASKED, **settings},
    )
    finished = run(analysis, config, tmp_path / "run", progress=False)
    table = finished.folder.measurements()
    right = {prompt: {values[0] for values in rows} for prompt, rows in table.groupby("prompt")["pass_at_1"]}
    assert right == {"humaneval/test/0": {1.0}, "humaneval/test/1": {0.0}}
    assert table["condition"].nunique() > 2
    assert "pass@1" in finished.index.read_text()


def test_gates_are_not_tested_on_programs(code_folder: Path) -> None:
    config = head_gates.Config(model=NO_MODEL, test_tasks=("humaneval",), data=code_folder, test_examples=(1,), limit=2)
    with pytest.raises(UserError, match=r"humaneval is scored by pass_at_1, .* head-gates executes none"):
        head_gates.cells(config)


def test_savings_refuse_programs_before_anything_is_timed(code_folder: Path, tmp_path: Path) -> None:
    shared: dict[str, Any] = {"examples": (1,), "limit": 2, "format": "instr_code_gen"}
    config = compute_savings.Config(model=NO_MODEL, task=("humaneval",), data=code_folder, **shared)
    with pytest.raises(UserError, match=r"humaneval is scored by pass_at_1, .* compute-savings executes none"):
        run(compute_savings, config, tmp_path / "run", progress=False)


def test_programs_are_no_translations(code_folder: Path) -> None:
    config = translation_directions.Config(
        out_of=("humaneval",), into=("translate-fr-en",), data=code_folder, limit=2, examples=1
    )
    with pytest.raises(UserError, match="Task 'humaneval' is of kind 'program'; two translation tasks are compared"):
        translation_directions.cells(config)


@pytest.mark.parametrize("analysis", EVERY, ids=lambda analysis: analysis.__name__)
def test_no_analysis_advises_an_option_that_it_lacks(analysis: ModuleType, code_folder: Path) -> None:
    options = {field.name.replace("_", "-") for field in fields(analysis.Config)}
    if "task" not in options:
        return
    said = ""
    try:
        analysis.cells(analysis.Config(task=("humaneval",), data=code_folder, limit=2))
    except UserError as refused:
        said = str(refused)
    assert set(re.findall(r"--([a-z][a-z-]*)", said)) <= options
