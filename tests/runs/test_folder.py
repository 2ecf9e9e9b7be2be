"""A run's folder: who may have it, and which of its cells can be trusted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml

from workbench.errors import UserError
from workbench.runs.cells import Slot
from workbench.runs.folder import RunFolder


@dataclass(frozen=True)
class Cell:
    seed: int


SETTINGS = {"model": "small", "seeds": [0, 1], "fraction": 0.5}
SLOT = Slot(0, Cell(0), "a" * 64)
OTHER = Slot(1, Cell(1), "b" * 64)


def table(seed: int) -> pd.DataFrame:
    rows = {
        "seed": [seed, seed],
        "prompt": ["p/0", "p/1"],
        "score": [[0.5 + seed, 1.0], [0.0, 1.0]],
        "log": [0.1, None],
    }
    return pd.DataFrame(rows | {"source": ["a", "b"], "completion": ["x", "猫"]})


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    claimed = RunFolder.claim(tmp_path / "run", "counting", SETTINGS)
    claimed.write_cell(SLOT, table(0), {"seconds": 0.1})
    claimed.write_cell(OTHER, table(1), {"seconds": 0.2})
    return claimed


def test_the_configuration_is_written_for_people_and_for_the_next_start(folder: RunFolder) -> None:
    written = yaml.safe_load((folder.path / "config.yaml").read_text())
    assert written == {"analysis": "counting", **SETTINGS}
    assert list(written) == ["analysis", *SETTINGS]
    assert RunFolder.claim(folder.path, "counting", SETTINGS) == folder


def test_another_configuration_is_refused_with_what_differs(folder: RunFolder) -> None:
    before = (folder.path / "config.yaml").read_bytes()
    with pytest.raises(
        UserError, match=r"seeds is \[0, 1\] there and \[0\] here; extra is 'not set' there and 1 here"
    ) as refused:
        RunFolder.claim(folder.path, "counting", {**SETTINGS, "seeds": [0], "extra": 1})
    assert "model" not in str(refused.value)
    assert (folder.path / "config.yaml").read_bytes() == before
    with pytest.raises(UserError, match="analysis is 'counting' there and 'weighing' here"):
        RunFolder.claim(folder.path, "weighing", SETTINGS)


def test_a_setting_that_changes_no_measurement_may_differ(folder: RunFolder) -> None:
    with pytest.raises(UserError, match="fraction"):
        RunFolder.claim(folder.path, "counting", {**SETTINGS, "fraction": 0.9})
    RunFolder.claim(folder.path, "counting", {**SETTINGS, "fraction": 0.9}, ["fraction"])
    assert folder.config()["fraction"] == 0.9
    assert folder.state(SLOT) == "done"


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="not empty and holds no run"):
        RunFolder.claim(tmp_path, "counting", SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    with pytest.raises(UserError, match="is a file"):
        RunFolder.claim(tmp_path / "letter.txt", "counting", SETTINGS)


def test_a_start_killed_while_it_claimed_the_folder_does_not_block_it(tmp_path: Path) -> None:
    (tmp_path / "config.yaml.part").write_text("anal")
    assert RunFolder.claim(tmp_path, "counting", SETTINGS).config()["model"] == "small"


def test_a_damaged_configuration_is_not_guessed_at(folder: RunFolder) -> None:
    (folder.path / "config.yaml").write_text("analysis: [")
    with pytest.raises(UserError, match=r"config\.yaml is damaged"):
        RunFolder.claim(folder.path, "counting", SETTINGS)


def test_a_folder_that_cannot_be_made_is_an_error_for_people(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"Cannot write to .*Not a directory.*give another --out"):
        RunFolder.claim(tmp_path / "file" / "run", "counting", SETTINGS)
    with pytest.raises(UserError, match="Cannot write to"):
        RunFolder.claim(Path("/proc/run"), "counting", SETTINGS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_rights_is_an_error_for_people(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="Permission denied"):
        RunFolder.claim(tmp_path / "run", "counting", SETTINGS)


def test_a_cell_comes_back_as_it_went_in(folder: RunFolder) -> None:
    back = folder.read_cell(SLOT)
    assert list(back.columns) == list(table(0).columns)
    assert [list(value) for value in back["score"]] == [[0.5, 1.0], [0.0, 1.0]]
    assert back["completion"].tolist() == ["x", "猫"]
    assert back["log"].isna().tolist() == [False, True]
    record = folder.cell_record(SLOT)
    assert record["key"] == SLOT.key
    assert (record["rows"], record["cell"], record["seconds"]) == (2, "seed=0", 0.1)


def test_a_cell_is_done_only_if_its_record_is_there(folder: RunFolder) -> None:
    assert folder.state(SLOT) == "done"
    assert folder.state(Slot(2, Cell(2), "c" * 64)) == "missing"
    # What a kill between the two files leaves.
    (folder.cells / f"{SLOT.name}.json").unlink()
    assert folder.state(SLOT) == "missing"


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda rows, record: flip_a_byte(rows),
        lambda rows, record: rows.write_bytes(rows.read_bytes()[:-10]),
        lambda rows, record: rows.unlink(),
        lambda rows, record: record.write_text("{"),
        lambda rows, record: record.write_text("[1]"),
        lambda rows, record: record.write_text(json.dumps({"key": SLOT.key})),
    ],
)
def test_damage_of_any_kind_is_found(folder: RunFolder, damage: object) -> None:
    assert callable(damage)
    damage(folder.cells / f"{SLOT.name}.parquet", folder.cells / f"{SLOT.name}.json")
    assert folder.state(SLOT) == "damaged"
    assert folder.state(OTHER) == "done"
    folder.write_cell(SLOT, table(0), {"seconds": 0.1})
    assert folder.state(SLOT) == "done"


def test_a_cell_under_another_key_is_stale_until_it_is_made_again(folder: RunFolder) -> None:
    # The first letters, which name the file, may even agree.
    assert folder.state(Slot(0, Cell(0), SLOT.key[:-1] + "0")) == "damaged"
    new = Slot(0, Cell(0), "d" * 64)
    assert folder.state(new) == "stale"
    folder.write_cell(new, table(0), {"seconds": 0.1})
    names = sorted(path.name for path in folder.cells.iterdir())
    assert names == sorted(f"{slot.name}.{end}" for slot in (new, OTHER) for end in ("json", "parquet"))


def test_tables_are_merged_in_the_order_of_the_cells(folder: RunFolder) -> None:
    folder.merge([OTHER, SLOT])
    assert folder.measurements()["seed"].tolist() == [1, 1, 0, 0]
    assert list(folder.measurements().columns) == ["seed", "prompt", "score", "log"]
    assert list(folder.completions().columns) == ["seed", "prompt", "source", "completion"]
    together = folder.table()
    assert list(together.columns) == ["seed", "prompt", "score", "log", "source", "completion"]
    assert together["completion"].tolist() == ["x", "猫", "x", "猫"]
    assert together.attrs["settings"]["model"] == "small"
    first = (folder.path / "measurements.parquet").read_bytes()
    folder.merge([OTHER, SLOT])
    assert (folder.path / "measurements.parquet").read_bytes() == first


def test_a_column_that_one_cell_has_not_is_empty_there(folder: RunFolder) -> None:
    folder.write_cell(OTHER, table(1).drop(columns="log"), {"seconds": 0.1})
    folder.write_cell(SLOT, table(0).assign(log=None), {"seconds": 0.1})
    folder.merge([SLOT, OTHER])
    assert folder.measurements()["log"].isna().all()


def test_only_one_process_runs_in_a_folder(folder: RunFolder) -> None:
    part = folder.cells / "0000-aaaaaaaaaaaa.parquet.part"
    part.write_text("half")
    code = (
        "import sys; from pathlib import Path; from workbench.runs.folder import RunFolder; "
        "folder = RunFolder(Path(sys.argv[1]))\nwith folder.locked(): print('inside')"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(folder.path)]
    root = Path(__file__).parent.parent.parent
    with folder.locked():
        assert not part.exists()
        other = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
        assert "Another process is running" in other.stderr
        assert other.returncode != 0
    freed = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    assert freed.stdout == "inside\n"


def test_only_a_finished_run_can_be_read(folder: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not finished"):
        RunFolder.existing(folder.path)
    folder.merge([SLOT, OTHER])
    assert RunFolder.existing(folder.path).measurements()["seed"].tolist() == [0, 0, 1, 1]
    with pytest.raises(UserError, match="holds no run"):
        RunFolder.existing(tmp_path)
    (folder.path / "measurements.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"cannot be read .* delete it and run again"):
        RunFolder.existing(folder.path).measurements()
