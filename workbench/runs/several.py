"""One report over several runs: of one analysis, their rows together; of several, each of them under one layer axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pyarrow as pa

from workbench.errors import UserError
from workbench.runs.folder import RunFolder
from workbench.runs.pages import INDEX, Page, has_layers, page_of
from workbench.runs.provenance import versions
from workbench.runs.records import read_provenance
from workbench.runs.reproduce import commands
from workbench.runs.tables import TEXT, arrow_table, key_columns
from workbench.views.overview import overview_figure
from workbench.views.report import Picture, Table, write_report

Find = Callable[[str], ModuleType]
"""From the name of an analysis to its module."""
OVERVIEW = "overview"
_WHERE = "Where does it happen?"
_CAPTION = "One layer axis for every method; each row keeps its own scale and unit. The recognition layers run through all rows."


@dataclass(frozen=True)
class Together:
    """What several runs say together."""

    folders: tuple[RunFolder, ...]
    page: Page
    completions: pd.DataFrame
    """Those that can be shown by layer; else without rows."""
    models: tuple[str, ...]


def report(paths: Sequence[Path], out: Path, find_analysis: Find, *, inline: bool = False) -> Path:
    """Draw figures and a report of several runs together into `out`; returns the report's path.

    Args:
        paths: folders of finished runs. Rows of one analysis are drawn together; where there are several analyses, the page
            starts with one figure of all their layer profiles.
        out: folder for the report.
        find_analysis: from the name of an analysis to its module.
        inline: one file that holds everything, instead of a folder.

    Raises:
        UserError: there is no run, one is not finished, or two of them measured the same thing with different
            results; or `out` cannot be written or is itself a run.
    """
    found = together(paths, find_analysis)
    if (out / "config.yaml").exists():
        raise UserError(f"{out} is itself a run, whose report would be lost: give another --out.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Cannot write to {out} ({error.strerror}): give another --out.") from error
    write_report(
        out,
        title=found.page.title,
        pictures=found.page.pictures,
        tables=found.page.tables,
        recognition=found.page.recognition,
        completions=found.completions if len(found.completions) else None,
        summary=found.page.summary,
        models=found.models,
        provenance={str(folder.path): _provenance(folder) for folder in found.folders},
        command=commands(found.folders, out),
        inline=inline,
    )
    return out / INDEX


def together(paths: Sequence[Path], find_analysis: Find) -> Together:
    """What finished runs say together; raises as `report` does."""
    if not paths:
        raise UserError("No run was given: name one or more run folders.")
    folders = [RunFolder.existing(path) for path in paths]
    groups: dict[str, list[RunFolder]] = {}
    for folder in folders:
        groups.setdefault(str(folder.config()["analysis"]), []).append(folder)
    tables = {
        name: joined([folder.table() for folder in own], [str(folder.path) for folder in own])
        for name, own in groups.items()
    }
    pages = {name: _page(table, groups[name], find_analysis(name)) for name, table in tables.items()}
    completions = [texts for texts in map(_texts, tables.values()) if has_layers(texts)]
    models = [str(model) for table in tables.values() if "model" in table for model in table["model"].unique()]
    page = next(iter(pages.values()))
    if len(groups) > 1:
        recognition = _concatenated([page.recognition for page in pages.values() if page.recognition is not None])
        page = _one_page(pages, _overview(groups, recognition, find_analysis), recognition)
    return Together(
        tuple(folders),
        page,
        pd.concat(completions, ignore_index=True) if completions else pd.DataFrame(),
        tuple(dict.fromkeys(models)),
    )


def _page(table: pd.DataFrame, folders: Sequence[RunFolder], analysis: ModuleType) -> Page:
    """The page of one analysis' rows. A column that is missing is the run's fault only if other code measured it."""
    try:
        return page_of(table, _texts(table), analysis)
    except KeyError as error:
        now = versions(Path(str(analysis.__file__)))
        old = [folder for folder in folders if read_provenance(folder.path).get("made_by") != now]
        if not old:
            raise
        again = "\n".join(f"  {commands([folder])}" for folder in old)
        raise UserError(
            f"{' and '.join(str(folder.path) for folder in old)}: measured with other versions than there are now, and the rows "
            f"have no {error.args[0]!r}; the pictures of today need it. Measure again (another --out keeps the old "
            f"numbers):\n{again}"
        ) from error


def layer_profiles(groups: Mapping[str, Sequence[RunFolder]], find_analysis: Find) -> pd.DataFrame:
    """The layer profiles of all runs whose analysis offers one, with `analysis`; a task that several runs of one analysis
    measured is named with the run's folder."""
    found = []
    for name, folders in groups.items():
        analysis = find_analysis(name)
        if not hasattr(analysis, "layer_profile"):
            continue
        profiles = [analysis.layer_profile(folder.table()).assign(analysis=name) for folder in folders]
        rows = pd.concat([profile.assign(_run=run) for run, profile in enumerate(profiles)]) if profiles else None
        if rows is None or rows.empty:
            continue
        keys = ["model", "task", "quantity", "layer"]
        again = rows.duplicated(keys, keep=False)
        labels = [folders[run].path.name for run in rows["_run"]]
        rows["task"] = [
            f"{task} ({label})" if twice else task
            for task, label, twice in zip(rows["task"], labels, again, strict=True)
        ]
        found.append(rows.drop(columns="_run"))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


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


def _overview(
    groups: Mapping[str, Sequence[RunFolder]], recognition: pd.DataFrame | None, find_analysis: Find
) -> list[Picture]:
    profiles = layer_profiles(groups, find_analysis)
    if profiles.empty:
        return []
    return [Picture(OVERVIEW, overview_figure(profiles, recognition), _CAPTION, _WHERE)]


def _one_page(pages: Mapping[str, Page], overview: Sequence[Picture], recognition: pd.DataFrame | None) -> Page:
    """The pages of several analyses as one; everything is named by its analysis, so that no two names are the same."""
    pictures, tables, summary = list(overview), [], []
    for name, page in pages.items():
        pictures += [_of(name, picture) for picture in page.pictures]
        tables += [Table(f"{name}: {table.name}", table.frame, table.caption) for table in page.tables]
        summary += list(page.summary)
    return Page(f"{_WHERE} {', '.join(pages)}", pictures, tables, summary, recognition)


def _of(name: str, picture: Picture) -> Picture:
    section = f"{name}: {picture.section}" if picture.section else name
    return replace(picture, name=f"{name}.{picture.name}", section=section)


def _concatenated(frames: Sequence[pd.DataFrame]) -> pd.DataFrame | None:
    return pd.concat(frames, ignore_index=True) if frames else None


def _provenance(folder: RunFolder) -> dict[str, Any]:
    """A run's provenance without the cells' records, which fill pages."""
    return {name: what for name, what in read_provenance(folder.path).items() if name != "cells"}


def _texts(table: pd.DataFrame) -> pd.DataFrame:
    texts = [name for name in TEXT if name in table.columns]
    return table[[*key_columns(arrow_table(table)), *texts]] if texts else pd.DataFrame()
