"""Running: everything once, whatever happens in between, and the same bytes in the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from workbench.errors import UserError
from workbench.runs.runner import Job, run

ROOT = Path(__file__).parent.parent.parent
TOYS = ROOT / "tests" / "toys"
Log = Callable[[], list[str]]


def test_a_run_leaves_its_folder_complete(run_toy: Any) -> None:
    folder = run_toy()
    names = {path.relative_to(folder.path).as_posix() for path in folder.path.rglob("*") if path.is_file()}
    assert {"config.yaml", "provenance.json", "plan.json", "measurements.parquet"} <= names
    assert {"completions.parquet", "figures/lengths.html", "index.html"} <= names
    assert not [name for name in names if name.endswith(".part")]
    assert len(folder.measurements()) == 3 * 3 * 3
    assert folder.completions()["completion"][2] == "the cat sleeps ." * 2
    index = (folder.path / "index.html").read_text()
    assert all(text in index for text in ("Lengths", "Counted", "27 rows, 27 texts.", "figures/lengths.html"))
    assert "workbench run counting" in index


def test_an_analysis_needs_no_page_of_its_own(run_toy: Any, toy: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(toy, "page")
    index = (run_toy().path / "index.html").read_text()
    assert "How long is each of a few sentences?" in index
    assert "figures/lengths.html" in index


def test_the_same_command_again_measures_nothing_and_loads_nothing(run_toy: Any, log: Log) -> None:
    folder = run_toy()
    assert log() == ["load small", *(f"small {seed} batch 8" for seed in range(3))]
    before = (folder.path / "measurements.parquet").read_bytes()
    run_toy()
    assert log() == []
    assert run_toy.said == ["3 of 3 cells were done before."]
    assert (folder.path / "measurements.parquet").read_bytes() == before
    # The facts of a model that was not loaded this time are kept.
    provenance = json.loads((folder.path / "provenance.json").read_text())
    assert provenance["models"] == {"small": {"source": "nowhere", "digest": "small", "n_layers": 2}}
    assert [start["computed"] for start in provenance["starts"]] == [3, 0]


def test_each_model_is_loaded_once_and_rows_keep_the_order_of_the_cells(run_toy: Any, log: Log) -> None:
    folder = run_toy(model=("small", "large"), seeds=(0, 1))
    done = ["load small", "small 0 batch 8", "small 1 batch 8"]
    assert log() == [*done, "load large", "large 0 batch 8", "large 1 batch 8"]
    order = folder.measurements()[["seed", "model"]].drop_duplicates().to_numpy().tolist()
    assert order == [[0, "small"], [0, "large"], [1, "small"], [1, "large"]]


def test_a_damaged_cell_is_found_named_and_computed_again(run_toy: Any, log: Log) -> None:
    folder = run_toy()
    before = (folder.path / "measurements.parquet").read_bytes()
    cell = sorted(folder.cells.glob("*.parquet"))[1]
    cell.write_bytes(b"x" + cell.read_bytes()[1:])
    log()
    run_toy()
    assert log() == ["load small", "small 1 batch 8"]
    assert run_toy.said[0] == f"Cell {cell.stem} (model=small, seed=1) is damaged: it is computed again."
    assert (folder.path / "measurements.parquet").read_bytes() == before


def test_numbers_of_other_weights_are_not_mixed_in(run_toy: Any, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run_toy(seeds=(0, 1))
    old = {path.name for path in folder.cells.iterdir()}
    log()
    monkeypatch.setenv("TOY_DIGEST", "retrained")
    run_toy(seeds=(0, 1))
    assert log() == ["load small", "small 0 batch 8", "small 1 batch 8"]
    assert "was made with other code, data or weights" in run_toy.said[0]
    assert not old & {path.name for path in folder.cells.iterdir()}


def test_another_configuration_is_refused_before_anything_is_measured(run_toy: Any, log: Log) -> None:
    run_toy(seeds=(0,))
    log()
    with pytest.raises(UserError, match=r"seeds is \[0\] there and \[0, 1\] here"):
        run_toy(seeds=(0, 1))
    assert log() == []


def test_a_setting_of_the_summary_redraws_and_measures_nothing(run_toy: Any, log: Log) -> None:
    folder = run_toy()
    assert "fraction 0.5" in (folder.path / "figures" / "lengths.html").read_text()
    log()
    run_toy(fraction=0.9)
    assert log() == []
    assert "fraction 0.9" in (folder.path / "figures" / "lengths.html").read_text()


def test_settings_that_cannot_be_used_leave_no_folder(run_toy: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="The limit is 9"):
        run_toy(limit=9)
    with pytest.raises(UserError, match="Unknown model 'smal'"):
        run_toy(model=("smal",))
    with pytest.raises(UserError, match="leave nothing to measure"):
        run_toy(seeds=())
    assert not (tmp_path / "run").exists()


def test_without_texts_there_is_no_table_of_them(run_toy: Any) -> None:
    folder = run_toy(texts=False)
    assert not (folder.path / "completions.parquet").exists()
    assert folder.completions().empty
    assert "completion" not in folder.table()


def test_where_memory_runs_out_the_batch_is_halved_and_kept(
    run_toy: Any, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_MEMORY", "3")
    folder = run_toy(seeds=(0, 1))
    assert log() == ["load small", "small 0 batch 2", "small 1 batch 2"]
    assert run_toy.said == [
        "Out of memory with 8 prompts at a time; going on with 4.",
        "Out of memory with 4 prompts at a time; going on with 2.",
    ]
    assert json.loads((folder.path / "plan.json").read_text())["batches"] == {"0": 2}
    assert json.loads((folder.path / "provenance.json").read_text())["plan"]["batches"] == {"0": 2}
    assert folder.config()["batch_size"] == 8
    # Later there is memory enough; the run keeps the batches that its other numbers were made with.
    monkeypatch.setenv("TOY_MEMORY", "1000")
    sorted(folder.cells.glob("*.json"))[0].unlink()
    run_toy(seeds=(0, 1))
    assert log() == ["load small", "small 0 batch 2"]


def test_where_even_one_prompt_does_not_fit_the_error_passes(run_toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_MEMORY", "0")
    with pytest.raises(MemoryError, match="1 do not fit"):
        run_toy()


def test_an_error_of_the_analysis_passes_and_what_is_done_is_kept(
    run_toy: Any, toy: ModuleType, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = toy.measure

    def failing(config: Any, cell: Any, model: Any) -> Any:
        if cell.seed == 1:
            raise RuntimeError("hook never fired")
        return measure(config, cell, model)

    monkeypatch.setattr(toy, "measure", failing)
    with pytest.raises(RuntimeError, match="hook never fired"):
        run_toy()
    monkeypatch.setattr(toy, "measure", measure)
    log()
    run_toy()
    assert log() == ["load small", "small 1 batch 8", "small 2 batch 8"]


def test_the_key_holds_data_and_settings_but_not_those_of_the_summary(
    toy: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = toy.Config()
    keys = [slot.key for slot in Job.of(toy, config).slots]
    assert len(set(keys)) == 3
    assert [slot.key for slot in Job.of(toy, replace(config, fraction=0.1)).slots] == keys
    assert not set(keys) & {slot.key for slot in Job.of(toy, replace(config, limit=2)).slots}
    monkeypatch.setattr(toy, "SENTENCES", ("other data",) * 5)
    assert not set(keys) & {slot.key for slot in Job.of(toy, config).slots}


def test_a_cell_without_a_model_is_a_mistake_of_the_analysis(toy: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy, "cells", lambda config: [replace(toy.Cell("small", 0), model="")])
    with pytest.raises(TypeError, match="needs a field `model`"):
        Job.of(toy, toy.Config())


# In processes of their own: a kill must meet a real one.


def start(out: Path, **environment: str) -> subprocess.Popen[bytes]:
    code = (
        "import sys; from pathlib import Path; from toy_analyses import counting; "
        "from workbench.runs.runner import run; "
        "run(counting, counting.Config(seeds=tuple(range(6))), Path(sys.argv[1]), progress=False)"
    )
    path = os.pathsep.join([str(ROOT), str(TOYS)])
    command = [sys.executable, "-c", code, str(out)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path, **environment})


def test_killed_in_the_middle_and_started_again_it_ends_in_the_same_bytes(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert start(whole).wait(timeout=60) == 0

    process = start(broken, TOY_PAUSE="0.3")
    deadline = time.monotonic() + 60
    while len(list((broken / "cells").glob("*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=10) == -signal.SIGKILL
    finished = len(list((broken / "cells").glob("*.json")))
    assert 2 <= finished < 6
    assert not (broken / "measurements.parquet").exists()

    log = tmp_path / "log"
    assert start(broken, TOY_LOG=str(log)).wait(timeout=60) == 0
    again = [line for line in log.read_text().splitlines() if not line.startswith("load")]
    assert again == [f"small {seed} batch 8" for seed in range(finished, 6)]
    for name in ("measurements.parquet", "completions.parquet", "config.yaml"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()
    starts = json.loads((broken / "provenance.json").read_text())["starts"]
    assert [start["seconds"] is None for start in starts] == [True, False]


def test_bars_go_to_standard_error(toy: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(toy, toy.Config(seeds=(0,)), tmp_path / "run")
    shown = capsys.readouterr()
    assert "counting: 100%" in shown.err
    assert "prompts" in shown.err
    assert shown.out == ""
