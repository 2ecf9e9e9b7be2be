"""One report over several runs."""

from __future__ import annotations

import html
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
import yaml

from workbench.errors import UserError
from workbench.runs.several import joined, layer_profiles, report


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


def test_rows_that_older_code_measured_are_refused_with_the_remedy(
    run_toy: Any, toy: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_toy("one")
    monkeypatch.setattr(toy, "figures", lambda table: table["width"])
    # Nothing but the pictures' own mistake can explain it while the versions are the same.
    with pytest.raises(KeyError, match="width"):
        report([folder.path], tmp_path / "out", lambda name: toy)
    provenance = json.loads((folder.path / "provenance.json").read_text())
    provenance["made_by"]["analysis"] = "another"
    (folder.path / "provenance.json").write_text(json.dumps(provenance))
    with pytest.raises(
        UserError, match=r"one: measured with other versions .* no 'width'[\s\S]*workbench run counting"
    ):
        report([folder.path], tmp_path / "out", lambda name: toy)


def test_one_file_can_be_sent(run_toy: Any, toy: ModuleType, tmp_path: Path) -> None:
    report([run_toy("one").path], tmp_path / "out", lambda name: toy, inline=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["index.html"]


def renamed(folder: Any, analysis: str) -> None:
    (folder.path / "config.yaml").write_text(yaml.safe_dump({**folder.config(), "analysis": analysis}))


def profile_of(table: pd.DataFrame) -> pd.DataFrame:
    """The mean length by layer, as a layer profile."""
    means = table.assign(value=[value[0] for value in table["length"]]).groupby(["model", "from_layer"])["value"].mean()
    rows = means.reset_index().rename(columns={"from_layer": "layer"})
    return rows.assign(task="count", quantity="length (characters)", low=rows["value"] - 1, high=rows["value"] + 1)


@pytest.fixture
def two_analyses(run_toy: Any, toy: ModuleType) -> Any:
    """Two runs, as if they were of two analyses; the second has a layer profile."""
    one, two = run_toy("one", seeds=(0,)), run_toy("two", seeds=(1,))
    renamed(two, "weighing")
    weighing = ModuleType("weighing", "Weighs.")
    vars(weighing).update(page=toy.page, layer_profile=profile_of)
    return one, two, lambda name: weighing if name == "weighing" else toy


def test_several_analyses_share_a_layer_axis(two_analyses: Any, tmp_path: Path) -> None:
    one, two, find = two_analyses
    index = report([one.path, two.path], tmp_path / "both", find)
    page = index.read_text()
    names = sorted(path.name for path in (tmp_path / "both" / "figures").glob("*.html"))
    assert names == ["counting.lengths.html", "overview.html", "weighing.lengths.html"]
    assert page.index('id="overview"') < page.index('id="counting.lengths"') < page.index('id="weighing.lengths"')
    assert "Where does it happen? counting, weighing" in page
    shown = pd.read_csv(tmp_path / "both" / "figures" / "overview.csv")
    measured = profile_of(two.table())["value"].tolist()
    assert len(measured) == 3
    assert shown[shown["role"] == "mean"]["y"].tolist() == pytest.approx(measured)
    assert set(shown["panel"]) == {"length (characters)"}


def test_without_any_profile_there_is_no_overview(two_analyses: Any, toy: ModuleType, tmp_path: Path) -> None:
    one, two, _ = two_analyses
    page = report([one.path, two.path], tmp_path / "both", lambda name: toy).read_text()
    assert 'id="overview"' not in page
    assert 'id="weighing.lengths"' in page


def test_runs_that_measure_the_same_layers_are_told_apart(two_analyses: Any, run_toy: Any) -> None:
    _, two, find = two_analyses
    three = run_toy("three", seeds=(2,))
    renamed(three, "weighing")
    profiles = layer_profiles({"weighing": [two, three], "counting": []}, find)
    assert list(dict.fromkeys(profiles["task"])) == ["count (two)", "count (three)"]
    assert set(profiles["analysis"]) == {"weighing"}


def test_the_report_says_how_to_make_it_again(two_analyses: Any, tmp_path: Path) -> None:
    one, two, find = two_analyses
    text = html.unescape(report([one.path, two.path], tmp_path / "both", find).read_text())
    line = f"workbench report {one.path} {two.path} --out {tmp_path / 'both'}"
    assert "workbench run counting" in text
    assert line in text


def test_completions_that_are_not_by_layer_are_sampled(two_analyses: Any, tmp_path: Path) -> None:
    one, two, find = two_analyses
    text = report([one.path, two.path], tmp_path / "both", find).read_text()
    assert "counting: Sample completions" in text
    assert "the cat sleeps ." in text
