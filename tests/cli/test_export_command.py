"""`workbench export` and `workbench report` over the toy analysis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

Command = Callable[..., tuple[int, str, str]]


def test_the_data_of_a_run_s_figures(command: Command, tmp_path: Path) -> None:
    assert command("run", "counting", "--out", "run", "--quiet")[0] == 0
    status, out, err = command("export", "run", "--format", "csv", "parquet", "--out", "data")
    assert (status, err) == (0, "")
    assert out.split() == ["data/lengths.csv", "data/lengths.parquet"]
    shown = pd.read_csv(tmp_path / "data" / "lengths.csv")
    assert len(shown) == 27
    assert (tmp_path / "run" / "figures" / "lengths.csv").read_bytes() == (
        tmp_path / "data" / "lengths.csv"
    ).read_bytes()


def test_mistakes_are_told_in_one_sentence(command: Command, tmp_path: Path, monkeypatch) -> None:
    status, _, err = command("export", "nowhere")
    assert status == 2
    assert "holds no run" in err
    assert command("run", "counting", "--out", "run", "--quiet")[0] == 0
    assert "There is no figure 'heights'; there are lengths" in command("export", "run", "--figures", "heights")[2]
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "nothing"))
    assert "BROWSER_PATH is" in command("export", "run", "--format", "png")[2]


def test_a_report_in_one_file(command: Command, tmp_path: Path) -> None:
    assert command("run", "counting", "--out", "run", "--quiet")[0] == 0
    status, out, _ = command("report", "run", "--out", "sent", "--one-file")
    assert (status, out.strip()) == (0, "sent/index.html")
    assert [path.name for path in (tmp_path / "sent").iterdir()] == ["index.html"]
