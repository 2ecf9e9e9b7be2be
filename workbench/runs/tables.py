"""A run's two tables, made from its cells: measurements, and completions beside source and reference.

`measure` returns both in one table. Which column is which needs no list: the four text columns are named
here; of the others, text, whole numbers and truth values say what a row is about (they go into both tables),
floats and lists of floats are what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

TEXT = ("source", "reference", "completion", "stopped")


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table as parquet; the same table gives the same bytes."""
    pq.write_table(table, path, compression="zstd")


def arrow_table(table: pd.DataFrame) -> pa.Table:
    """A table without its index and without pandas' own notes."""
    return pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)


def merged(paths: Sequence[Path]) -> pa.Table:
    """The rows of several parquet files, in the order of the files; a column that one lacks is empty there."""
    tables = [pq.read_table(path) for path in paths]
    # One chunk for each column: chunk borders can show in the bytes of what is written.
    return pa.concat_tables(tables, promote_options="permissive").combine_chunks()


def key_columns(table: pa.Table) -> list[str]:
    """Columns that say what a row is about."""
    return [field.name for field in table.schema if field.name not in TEXT and _is_key(field.type)]


def measurement_table(table: pa.Table) -> pa.Table:
    """Everything but the texts."""
    return table.select([name for name in table.column_names if name not in TEXT])


def completion_table(table: pa.Table) -> pa.Table | None:
    """The texts with the columns that say what they are about; None if the analysis has no texts."""
    texts = [name for name in TEXT if name in table.column_names]
    return table.select([*key_columns(table), *texts]) if texts else None


def _is_key(kind: pa.DataType) -> bool:
    types = pa.types
    if types.is_dictionary(kind):
        return _is_key(kind.value_type)
    return any(test(kind) for test in (types.is_string, types.is_large_string, types.is_integer, types.is_boolean))
