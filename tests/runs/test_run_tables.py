"""Which column goes into which table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from workbench.runs.files import sha256, write_whole
from workbench.runs.tables import (
    arrow_table,
    completion_table,
    key_columns,
    measurement_table,
    merged,
    write_table,
)

ROWS = pd.DataFrame(
    {
        "model": ["mini"] * 2,
        "from_layer": [0, 1],
        "clean": [False, True],
        "bleu": [[1.0, 2.0], [3.0, 4.0]],
        "loss": [0.5, 0.25],
        "empty": [None, None],
        "source": ["a", "b"],
        "completion": ["x", None],
    }
)


def test_text_whole_numbers_and_truth_values_say_what_a_row_is_about() -> None:
    assert key_columns(arrow_table(ROWS)) == ["model", "from_layer", "clean"]
    as_categories = arrow_table(ROWS.astype({"model": "category"}))
    assert key_columns(as_categories) == ["model", "from_layer", "clean"]


def test_the_two_tables() -> None:
    table = arrow_table(ROWS)
    assert measurement_table(table).column_names == [
        "model",
        "from_layer",
        "clean",
        "bleu",
        "loss",
        "empty",
    ]
    texts = completion_table(table)
    assert texts is not None
    assert texts.column_names == ["model", "from_layer", "clean", "source", "completion"]
    assert completion_table(measurement_table(table)) is None


def test_merged_files_agree_on_columns_and_kinds(tmp_path: Path) -> None:
    for name, frame in {
        "a": ROWS,
        "b": ROWS.assign(empty=[[1.0], [2.0]], more=1),
        "c": ROWS.iloc[:0],
    }.items():
        write_table(arrow_table(frame), tmp_path / name)
    table = merged([tmp_path / name for name in "abc"])
    assert table["empty"].to_pylist() == [None, None, [1.0], [2.0]]
    assert table["more"].to_pylist() == [None, None, 1, 1]
    assert table["from_layer"].type == pa.int64()
    assert table["model"].num_chunks == 1


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    shuffled = ROWS.set_index(pd.Index([7, 3]))
    write_table(arrow_table(ROWS), tmp_path / "one")
    write_table(arrow_table(shuffled), tmp_path / "two")
    assert sha256(tmp_path / "one") == sha256(tmp_path / "two")


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def fail(part: Path) -> None:
        part.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(path, fail)
    assert not path.exists()
    write_whole(path, lambda part: part.write_text("whole"))
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, fail)
    assert path.read_text() == "whole"
