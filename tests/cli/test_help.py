"""Help and lists: quick, complete, and without what they do not need."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from workbench import __version__
from workbench.cli.main import VERBS

Command = Callable[..., tuple[int, str, str]]
Process = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parent.parent.parent
HEAVY = ["torch", "transformers", "transformer_lens", "pandas", "plotly", "numpy", "datasets", "pyarrow"]
ANALYSES = [
    path.stem.replace("_", "-") for path in sorted((ROOT / "analyses").glob("*.py")) if not path.stem.startswith("_")
]


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["run", "--help"], *(["run", name, "--help"] for name in ANALYSES)],
    ids=" ".join,
)
def test_help_imports_nothing_heavy_and_takes_less_than_a_second(process: Process, arguments: list[str]) -> None:
    code = (
        "import sys; from workbench.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as left: assert not left.code\n"
        f"print('loaded:', *[name for name in {HEAVY} if name in sys.modules])"
    )
    took = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        found = process("-c", code, *arguments)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
        assert found.returncode == 0, found.stderr
        assert found.stdout.endswith("loaded:\n")
    # Processor time, the best of three: other programs on the machine are not what is tested.
    assert min(took) < 1.0


def test_help_lists_every_command(command: Command) -> None:
    status, out, _ = command("--help")
    assert status == 0
    assert all(f"  {verb} " in out for verb in VERBS)
    assert command()[0] == 2


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_has_help(command: Command, verb: str) -> None:
    status, out, err = command(verb, "--help")
    assert (status, err) == (0, "")
    assert f"usage: workbench {verb}" in out


def test_version(command: Command) -> None:
    assert command("--version") == (0, f"workbench {__version__}\n", "")


def test_analyses_are_listed_without_being_imported(command: Command) -> None:
    for arguments in (["analyses"], ["run", "--help"]):
        status, out, _ = command(*arguments)
        assert status == 0
        assert "counting" in out
        assert "How long is each of a few sentences?" in out
        assert "not-to-be-imported" in out


def test_the_docstrings_of_the_settings_are_the_help(command: Command) -> None:
    status, out, _ = command("run", "counting", "--help")
    assert status == 0
    assert "How long is each of a few sentences?" in out
    for words in ("--seeds", "Seeds, each of them a cell.", "--out", "--config", "--quiet"):
        assert words in out


def test_models_and_tasks_are_listed(command: Command) -> None:
    status, out, _ = command("models")
    assert status == 0
    assert "mini" in out
    assert "meta-llama/Llama-3.1-8B (gated)" in out
    status, out, _ = command("tasks")
    assert status == 0
    assert "flores:SOURCE-TARGET" in out


def test_brackets_in_a_table_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    from workbench.cli.show import show_table

    show_table("title", ["a"], [["[bold]x[/bold] [0]"]])
    assert "[bold]x[/bold] [0]" in capsys.readouterr().out


def test_what_is_the_same_in_all_rows_stands_above_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    from workbench.cli.show import show_frame

    frame = pd.DataFrame({"Model": ["mini"] * 3, "Layer": [2, pd.NA, None], "Score": [0.12345, float("nan"), 1.0]})
    show_frame("Layers", frame)
    above, *table = capsys.readouterr().out.splitlines()
    assert above == "Model: mini"
    assert not any("mini" in line for line in table)
    assert sum("0.123" in line and "2" in line for line in table) == 1
    assert not any("nan" in line.lower() or "<NA>" in line or "None" in line for line in table)
    show_frame("One row", frame[:1])
    assert "Model" in capsys.readouterr().out.splitlines()[2]


def test_a_table_of_equal_rows_is_still_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    from workbench.cli.show import show_frame

    show_frame("", pd.DataFrame({"a": [1, 1]}))
    assert capsys.readouterr().out.count("│ 1 │") == 2
