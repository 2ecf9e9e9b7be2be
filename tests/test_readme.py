"""Every command in the README does what it says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.cli.catalogue import entries

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    lines = [line.partition("#")[0].strip() for block in blocks("bash") for line in block.splitlines()]
    return [line for line in lines if line]


def workbench(*arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    script = "import sys; from workbench.cli.main import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def run_lines() -> list[str]:
    return [command for command in commands() if command.startswith("workbench run")]


def test_the_readme_has_the_commands_that_are_tested_here():
    assert [command for command in commands() if not command.startswith("workbench run")] == ["make demo", "make test"]
    assert len(run_lines()) == 2


def test_the_table_has_every_analysis():
    named = re.findall(r"^\|[^|]+\| `workbench run ([a-z-]+)` \|", README, flags=re.MULTILINE)
    assert sorted(named) == sorted(entry.name for entry in entries())


def test_every_analysis_has_its_notebook_in_the_table():
    rows = re.findall(r"^\|[^|]+\| `workbench run ([a-z-]+)[^`]*` \|([^|]+)\|", README, flags=re.MULTILINE)
    assert {name for name, _ in rows} == {entry.name for entry in entries()}
    for name, named in rows:
        (*_, notebook) = re.findall(r"[0-9][0-9a-z_]+\.ipynb", named)
        script = (ROOT / "notebooks" / notebook).with_suffix(".py").read_text(encoding="utf-8")
        assert re.search(rf"\b{name.replace('-', '_')}\b", script), f"{name} is not in {notebook}"


def check_run(line: str, tmp_path: Path, *more: str) -> None:
    arguments = [*shlex.split(line)[1:], "--out", str(tmp_path / "run"), *more]
    finished = workbench(*arguments, "--quiet")
    assert finished.returncode == 0, finished.stderr
    assert "recognition layer" in finished.stdout.lower()
    assert (tmp_path / "run" / "index.html").exists()
    again = workbench(*arguments, "--quiet")
    assert again.returncode == 0, again.stderr
    assert "cells were done before" in again.stderr


def with_real_paths(line: str, real_data: Path) -> str:
    assert "path/to/checkpoint" in line
    line = line.replace("path/to/checkpoint", str(real_data / "stories260k"))
    return line.replace("path/to/flores200", str(real_data / "flores200"))


def test_the_run_of_mini_with_few_prompts(tmp_path):
    check_run(run_lines()[0], tmp_path, "--limit", "4", "--seeds", "0")


@pytest.mark.real_data
def test_the_run_of_ones_own_with_few_prompts(tmp_path, real_data):
    check_run(with_real_paths(run_lines()[1], real_data), tmp_path, "--limit", "4", "--seeds", "0")


@pytest.mark.long
def test_the_run_of_mini(tmp_path):
    check_run(run_lines()[0], tmp_path)


@pytest.mark.long
@pytest.mark.real_data
def test_the_run_of_ones_own(tmp_path, real_data):
    check_run(with_real_paths(run_lines()[1], real_data), tmp_path)


def check_reproduction(folder: Path, *more: str, timeout: float) -> None:
    (line,) = re.findall(r"`workbench (reproduce [^`]+ --small [^`]+)`", README)
    finished = workbench(*shlex.split(line), *more, "--yes", "--quiet", "--out", str(folder), timeout=timeout)
    assert finished.returncode == 0, finished.stderr
    assert "its procedure was run, and there is nothing published to compare with" in finished.stdout
    assert (folder / "index.html").exists()


def test_one_experiment_of_the_small_reproduction(tmp_path):
    check_reproduction(tmp_path / "run", "--only", "attention-removal", "--limit", "2", timeout=240)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_small_reproduction(tmp_path):
    check_reproduction(tmp_path / "run", timeout=3600)
    assert len(list((tmp_path / "run" / "runs").iterdir())) == 5


def test_the_demo_with_few_prompts(tmp_path):
    finished = workbench(
        *("run", "task-recognition", "--config", "workbench/demo.yaml", "--limit", "4", "--seeds", "0"),
        *("--out", str(tmp_path / "run"), "--quiet"),
    )
    assert finished.returncode == 0, finished.stderr
    assert str(tmp_path / "run" / "index.html") in finished.stdout
    assert "mini" in (tmp_path / "run" / "index.html").read_text()


def test_make_demo_runs_that_configuration():
    makefile = (ROOT / "Makefile").read_text()
    assert "workbench run task-recognition --config workbench/demo.yaml" in makefile


def test_the_notebook_lines(tmp_path):
    (code,) = blocks("python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    shown = "import plotly.graph_objects as go\nshown = []\ngo.Figure.show = lambda figure: shown.append(figure)\n"
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{shown}{code}\nassert len(shown) == 4, shown"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert "translate-en-fr" in finished.stdout


@pytest.mark.parametrize(
    "verb",
    [
        ["models"],
        ["tasks"],
        ["analyses"],
        ["report", "--help"],
        ["export", "--help"],
        ["data", "--help"],
        ["check", "mini"],
        ["convert", "--help"],
        ["train", "mini", "--help"],
    ],
)
def test_the_other_verbs(verb):
    finished = workbench(*verb)
    assert finished.returncode == 0, finished.stderr
    assert len(finished.stdout) > 100


def test_every_file_that_the_readme_names_is_there():
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README) + re.findall(r"`(workbench/[^`* ]+)`", README):
        assert (ROOT / target).exists(), target
