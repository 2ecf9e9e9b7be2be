"""One report over several runs."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
import yaml

from workbench.errors import UserError
from workbench.runs.several import joined, report


def test_a_report_draws_the_rows_of_all_runs(
    run_toy: Any, toy: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = run_toy("one", seeds=(0, 1)), run_toy("two", seeds=(1, 2), model=("small", "large"))
    drawn: list[pd.DataFrame] = []
    figures = toy.figures
    monkeypatch.setattr(toy, "figures", lambda table: drawn.append(table) or figures(table))
    index = report([one.path, two.path], tmp_path / "both", lambda name: toy)
    assert index == tmp_path / "both" / "index.html"
    assert (tmp_path / "both" / "figures" / "lengths.html").is_file()
    # Seed 1 of the small model is in both, and counts once.
    cells = drawn[0][["model", "seed"]].drop_duplicates().to_numpy().tolist()
    assert cells == [["small", 0], ["small", 1], ["large", 1], ["small", 2], ["large", 2]]
    assert len(drawn[0]) == 5 * 9


def test_runs_that_contradict_each_other_are_not_averaged() -> None:
    one = pd.DataFrame({"seed": [0, 1], "score": [[1.0], [2.0]], "completion": ["a", "b"]})
    assert len(joined([one, one.iloc[::-1]], ["x", "y"])) == 2
    other = one.assign(score=[[1.0], [2.5]])
    with pytest.raises(UserError, match=r"x and y measured the same rows \(seed=1, ...\) differently"):
        joined([one, other], ["x", "y"])


def test_runs_of_different_shape_are_joined() -> None:
    one = pd.DataFrame({"seed": [0], "score": [[1.0]]})
    two = pd.DataFrame({"seed": [1], "score": [[1.0]], "other": [[3.0]], "completion": ["b"]})
    both = joined([one, two], ["x", "y"])
    assert both["seed"].tolist() == [0, 1]
    assert both["other"].isna().tolist() == [True, False]


def test_what_cannot_be_reported(run_toy: Any, toy: ModuleType, tmp_path: Path) -> None:
    def find(name: str) -> ModuleType:
        return toy

    one, two = run_toy("one"), run_toy("two", seeds=(5,))
    with pytest.raises(UserError, match="No run was given"):
        report([], tmp_path / "out", find)
    with pytest.raises(UserError, match="holds no run"):
        report([tmp_path / "nowhere"], tmp_path / "out", find)
    with pytest.raises(UserError, match="is itself a run"):
        report([one.path], two.path, find)
    with pytest.raises(UserError, match="Cannot write to"):
        report([one.path], Path("/proc/report"), find)
    (two.path / "config.yaml").write_text(yaml.safe_dump({**two.config(), "analysis": "weighing"}))
    with pytest.raises(UserError, match=r"several analyses .*one: counting; .*two: weighing"):
        report([one.path, two.path], tmp_path / "out", find)
