"""`workbench run`: settings from arguments and files, the folder, the status."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

Command = Callable[..., tuple[int, str, str]]
Process = Callable[..., subprocess.CompletedProcess[str]]


def test_a_run_prints_its_table_and_the_path_of_its_report(command: Command, tmp_path: Path) -> None:
    status, out, err = command("run", "counting", "--out", "here", "--seeds", "0", "1", "--quiet")
    assert status == 0
    assert out.endswith("here/index.html\n")
    assert out.startswith("18 rows, 18 texts.\n")
    assert "Counted" in out
    assert "counting:" not in err
    assert (tmp_path / "here" / "index.html").is_file()
    command_line = json.loads((tmp_path / "here" / "provenance.json").read_text())["starts"][0]["command"]
    assert command_line == [*["workbench", "run", "counting", "--out", "here", "--seeds", "0", "1", "--quiet"]]


def test_the_default_folder_follows_from_the_settings(command: Command) -> None:
    def folder(*arguments: str) -> str:
        status, out, _ = command("run", "counting", "--quiet", *arguments)
        assert status == 0
        return out.splitlines()[-1]

    first = folder()
    assert first.startswith("runs/counting/small-")
    assert folder() == first
    assert folder("--fraction", "0.9") == first
    assert folder("--limit", "2") != first
    both = folder("--model", "small", "large")
    assert both.startswith("runs/counting/small-large-")


def test_a_file_gives_settings_and_the_command_line_wins(command: Command, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("seeds: [4, 5]\nlimit: null\nbatch-size: 2\ntexts: false\nmodel: large\n")
    status, _, _ = command("run", "counting", "--config", "my.yaml", "--out", "a", "--seeds", "7", "--quiet")
    assert status == 0
    written = yaml.safe_load((tmp_path / "a" / "config.yaml").read_text())
    assert written["seeds"] == [7]
    assert (written["limit"], written["batch_size"], written["texts"]) == (None, 2, False)
    assert written["model"] == ["large"]
    # What a run wrote can be read: the same run elsewhere.
    command("run", "counting", "--config=a/config.yaml", "--out", "b", "--quiet")
    same = "measurements.parquet"
    assert (tmp_path / "b" / same).read_bytes() == (tmp_path / "a" / same).read_bytes()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("sedes: [1]", "unknown setting 'sedes'; did you mean seeds?"),
        ("zzz: 1", "unknown setting 'zzz'; there are model, seeds"),
        ("limit: many", "limit is 'many', which cannot be read as int | None"),
        ("seeds: [one]", "seeds is ['one'], which cannot be read as tuple[int, ...]"),
        ("batch_size: 2.5", "batch_size is 2.5, which cannot be read as int"),
        ("texts: maybe", "texts is 'maybe', which cannot be read as bool"),
        ("analysis: weighing", "holds settings of the analysis weighing, not of counting"),
        ("- 1\n- 2", "holds a list: expected lines like"),
        ("seeds: [1", "is not valid YAML"),
    ],
)
def test_a_file_that_cannot_be_used(command: Command, tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "my.yaml").write_text(content)
    status, out, err = command("run", "counting", "--config", "my.yaml")
    assert (status, out) == (2, "")
    assert err.startswith("workbench: my.yaml")
    assert complaint in err
    assert err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["rnu"], "Unknown command 'rnu'; did you mean run"),
        (["zzz"], "Unknown command 'zzz'; `workbench --help` lists"),
        (["run", "countign"], "Unknown analysis 'countign'; did you mean counting?"),
        (["run", "zzz"], "Unknown analysis 'zzz'; `workbench analyses` lists"),
        (["run", "counting", "--config", "no.yaml"], "Cannot read no.yaml"),
        (["run", "counting", "--limit", "9"], "The limit is 9; give 1 to 5."),
        (["run", "counting", "--model", "tiny"], "Unknown model 'tiny'; there are small and large."),
        (["run", "counting", "--out", "/proc/run"], "Cannot write to /proc/run"),
        (["report", "nowhere"], "nowhere holds no run"),
        (["train", "maxi"], "no recipe for a model 'maxi'; did you mean mini?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_gets_one_sentence(command: Command, arguments: list[str], complaint: str) -> None:
    status, out, err = command(*arguments)
    assert (status, out) == (2, "")
    assert complaint in err
    assert err.startswith("workbench: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--sedes", "1"], ["--seeds", "one"], ["--texts", "perhaps"]])
def test_bad_arguments_are_explained(command: Command, arguments: list[str]) -> None:
    status, out, err = command("run", "counting", *arguments)
    assert (status, out) == (2, "")
    assert arguments[0] in err or arguments[1] in err


def test_underscores_name_an_analysis_too(command: Command) -> None:
    _, _, err = command("run", "not_to_be_importe")
    assert "did you mean not-to-be-imported?" in err


def test_a_report_over_two_runs(command: Command, tmp_path: Path) -> None:
    for seed in ("0", "1"):
        assert command("run", "counting", "--seeds", seed, "--out", f"run{seed}", "--quiet")[0] == 0
    status, out, _ = command("report", "run0", "run1", "--out", "both")
    assert (status, out) == (0, "both/index.html\n")
    assert (tmp_path / "both" / "index.html").is_file()


def test_lack_of_memory_says_what_to_do(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_MEMORY", "0")
    status, _, err = command("run", "counting", "--quiet")
    assert status == 2
    assert "workbench: Out of memory: give a smaller --batch-size" in err.splitlines()[-1]


def test_lack_of_memory_on_a_gpu_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    from workbench.cli.main import guarded

    def work() -> int:
        raise torch.OutOfMemoryError("CUDA out of memory")

    assert guarded(work) == 2
    assert "Out of memory" in capsys.readouterr().err

    def mistake() -> int:
        raise RuntimeError("a mistake of ours")

    with pytest.raises(RuntimeError, match="a mistake of ours"):
        guarded(mistake)


def test_ctrl_c_leaves_a_run_to_go_on_with(process: Process, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, threading, time; from pathlib import Path\n"
        "from workbench.cli import catalogue, main\n"
        "catalogue.PACKAGE = 'toy_analyses'\n"
        "def stop():\n"
        "    while not list(Path('run/cells').glob('*.json')): time.sleep(0.01)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        # A job in the background of a shell is started with interrupts ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "if 'TOY_PAUSE' in os.environ: threading.Thread(target=stop).start()\n"
        "sys.exit(main.main())"
    )
    arguments = ["run", "counting", "--out", "run", "--quiet"]
    stopped = process("-c", code, *arguments, cwd=tmp_path, TOY_PAUSE="1")
    assert stopped.returncode == 130
    assert stopped.stderr == "workbench: stopped; run the same command to go on\n"
    again = process("-c", code, *arguments, cwd=tmp_path)
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "run/index.html")
    assert again.stderr == "1 of 3 cells were done before.\n"


def test_an_analysis_is_a_script_that_does_the_same(process: Process, tmp_path: Path) -> None:
    arguments = ["--seeds", "0", "--out", "run", "--quiet"]
    found = process("-m", "toy_analyses.counting", *arguments, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines()[-1] == "run/index.html"
    wrong = process("-m", "toy_analyses.counting", "--limit", "9", cwd=tmp_path)
    assert (wrong.returncode, wrong.stderr) == (2, "workbench: The limit is 9; give 1 to 5.\n")


def test_the_installed_command_is_the_module(process: Process) -> None:
    found = process("-m", "workbench.cli.main", "--version")
    assert found.stdout.startswith("workbench ")
