"""The main job through the command line, on the embedded model: killed, resumed, and given what it cannot use."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbench.interventions.conditions import MASK_NAMES

ROOT = Path(__file__).parents[2]
SCRIPT = "import sys; from workbench.cli.main import main; sys.exit(main(sys.argv[1:]))"
SMALL = ("run", "task-recognition", "--quiet", "--limit", "6", "--seeds", "0", "1")


def start(*arguments: str, **settings) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


def finish(*arguments: str) -> tuple[int, str, str]:
    process = start(*arguments)
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "measurements.parquet").read_bytes()).hexdigest()


def test_killed_in_the_middle_and_started_again(tmp_path):
    command = (*SMALL, "--batch-size", "2", "--out")
    assert finish(*command, str(tmp_path / "whole"))[0] == 0
    process = start(*command, str(tmp_path / "killed"))
    cells = tmp_path / "killed" / "cells"
    while not cells.is_dir() or len(list(cells.glob("*.parquet"))) < 2:
        assert process.poll() is None, "finished before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "killed" / "measurements.parquet").exists()
    status, _, err = finish(*command, str(tmp_path / "killed"))
    assert status == 0, err
    assert "cells were done before" in err
    assert digest(tmp_path / "killed") == digest(tmp_path / "whole")


def test_every_mask_runs_to_the_report(tmp_path):
    status, out, err = finish(
        *("run", "task-recognition", "--quiet", "--limit", "3", "--seeds", "0", "--format", "instr_task"),
        *("--layers", "3", "--masks", *MASK_NAMES, "--out", str(tmp_path / "run")),
    )
    assert status == 0, err
    page = (tmp_path / "run" / "index.html").read_text()
    assert all(mask in page for mask in MASK_NAMES)
    assert "mini" in page
    assert out.strip().endswith("index.html")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--model", "minni"], "mini"),
        (["--task", "translate-en-fn"], "translate-en-fr"),
        (["--masks", "TFT2"], "TFT"),
        (["--format", "instr_none"], "instr_none_QA"),
        (["--scores", "blue"], "bleu"),
        (["--layers", "9"], "8 layers"),
        (["--layers", "-1"], "out of range"),
        (["--examples", "-2"], "number of examples is -2"),
        (["--examples", "101"], "fewer than the 101"),
        (["--max-new-tokens", "0"], "longest completion is 0"),
        (["--fraction", "2"], "fraction is 2"),
        (["--data", "/no/such/folder"], "no folder /no/such/folder"),
        (["--task", "flores:eng_Latn-fra_Latn", "--data", "."], "flores"),
        (["--model", "nobody/nothing"], "nobody/nothing"),
        (["--model", "tests"], "config.json"),
    ],
)
def test_bad_input_gets_one_sentence(tmp_path, arguments, expected):
    status, out, err = finish(*SMALL, *arguments, "--out", str(tmp_path / "run"))
    assert status == 2
    assert out == ""
    assert "Traceback" not in err
    assert expected.lower() in err.lower()
    assert len(err.strip().splitlines()) == 1, err


def test_a_run_that_was_refused_leaves_its_folder_free(tmp_path):
    out = str(tmp_path / "run")
    assert finish(*SMALL, "--layers", "9", "--out", out)[0] == 2
    status, _, err = finish(*SMALL, "--layers", "3", "--limit", "2", "--out", out)
    assert status == 0, err


def test_an_unknown_analysis_names_the_nearest():
    status, _, err = finish("run", "task-recognision")
    assert status == 2
    assert "task-recognition" in err


@pytest.mark.parametrize("change", [["--steps", "0"], ["--heads", "7"], ["--layers", "-1"]])
def test_a_recipe_that_makes_no_model(tmp_path, change):
    status, _, err = finish("train", "mini", "--out", str(tmp_path / "mini"), *change)
    assert status == 2
    assert "Traceback" not in err
    assert not (tmp_path / "mini").exists()
