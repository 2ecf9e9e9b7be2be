"""One report over several runs of one analysis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pandas as pd
import pyarrow as pa

from workbench.errors import UserError
from workbench.runs.folder import RunFolder
from workbench.runs.pages import INDEX, draw_tables
from workbench.runs.records import read_provenance
from workbench.runs.tables import TEXT, arrow_table, key_columns


def report(paths: Sequence[Path], out: Path, find_analysis: Callable[[str], ModuleType]) -> Path:
    """Draw figures and a report of several runs' rows together into `out`; returns the report's path.

    Raises:
        UserError: there is no run, one is not finished, they are of several analyses, or two of them
            measured the same thing with different results; or `out` cannot be written or is itself a run.
    """
    if not paths:
        raise UserError("No run was given: name one or more run folders.")
    folders = [RunFolder.existing(path) for path in paths]
    name = _analysis_of(folders)
    table = joined([folder.table() for folder in folders], [str(folder.path) for folder in folders])
    if (out / "config.yaml").exists():
        raise UserError(f"{out} is itself a run, whose report would be lost: give another --out.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Cannot write to {out} ({error.strerror}): give another --out.") from error
    provenance = {str(folder.path): read_provenance(folder.path) for folder in folders}
    draw_tables(table, _texts(table), out, find_analysis(name), provenance=provenance)
    return out / INDEX


def joined(tables: Sequence[pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    """The rows of all tables; a row that several have counts once.

    Raises:
        UserError: two tables have the same row with different measurements.
    """
    rows = pd.concat([table.assign(_run=name) for table, name in zip(tables, names, strict=True)])
    keys = key_columns(pa.concat_tables(map(arrow_table, tables), promote_options="permissive"))
    measured = [name for name in rows.columns if name not in (*keys, *TEXT, "_run")]
    repeated = rows[rows.duplicated(keys, keep=False)]
    # Lists cannot be compared or hashed as they are.
    values = [repr(row) for row in repeated[measured].itertuples(index=False)]
    for _, group in repeated.assign(_values=values).groupby(keys, dropna=False):
        if group["_values"].nunique() > 1:
            where = " and ".join(dict.fromkeys(group["_run"]))
            what = ", ".join(f"{key}={group.iloc[0][key]}" for key in keys[:3])
            raise UserError(f"{where} measured the same rows ({what}, ...) differently: leave one out.")
    together = rows.drop_duplicates(keys).drop(columns="_run").reset_index(drop=True)
    together.attrs = dict(tables[0].attrs)
    return together


def _analysis_of(folders: Sequence[RunFolder]) -> str:
    names = {str(folder.path): str(folder.config()["analysis"]) for folder in folders}
    if len(set(names.values())) > 1:
        listed = "; ".join(f"{path}: {name}" for path, name in names.items())
        raise UserError(f"These runs are of several analyses ({listed}): give runs of one.")
    return next(iter(names.values()))


def _texts(table: pd.DataFrame) -> pd.DataFrame:
    texts = [name for name in TEXT if name in table.columns]
    return table[[*key_columns(arrow_table(table)), *texts]] if texts else pd.DataFrame()
