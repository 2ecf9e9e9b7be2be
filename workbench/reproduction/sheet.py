"""The sheet: every published number beside one's own, as CSV, parquet and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.errors import UserError
from workbench.published.papers import Paper
from workbench.reproduction.comparison import COVERED, ModelMatch, Own, sheet
from workbench.reproduction.cost import LeftOut
from workbench.reproduction.experiments import Part
from workbench.reproduction.measured import points_of
from workbench.runs.folder import MEASUREMENTS, RunFolder
from workbench.runs.records import read_provenance
from workbench.views.data import csv_text, parquet_bytes
from workbench.views.gate_trainings import trainings
from workbench.views.gates import gate_pictures
from workbench.views.report import Picture, write_report
from workbench.views.reproduction import experiment_table, number_tables, sheet_pictures, source_tables, summary_table

RUNS = "runs"
"""Folder of the runs, in that of the reproduction."""
DRAWN = "Examples are drawn from the same lines as the paper's, by another generator: they are other sentences."


def run_folder(out: Path, part: Part) -> Path:
    """Where a part's run lies."""
    return out / RUNS / part.name


def write_sheet(
    out: Path,
    paper: Paper,
    match: ModelMatch,
    parts: Sequence[Part],
    left_out: Sequence[LeftOut],
    model: str,
    command: str,
) -> tuple[Path, pd.DataFrame]:
    """Write `sheet.csv`, `sheet.parquet` and `index.html` from the runs that are finished; returns the page and the sheet.

    Args:
        out: folder of the reproduction.
        paper: the paper.
        match: the user's model and the paper's.
        parts: all that the paper ran on it, run here or not.
        left_out: what cannot be run, and why.
        model: the user's name of the model.
        command: what makes the sheet again.

    Raises:
        UserError: the folder cannot be written, or a run is damaged.
    """
    finished = [part for part in parts if (run_folder(out, part) / MEASUREMENTS).exists()]
    folders = [RunFolder.existing(run_folder(out, part)) for part in finished]
    measured = [folder.table() for folder in folders]
    table = sheet(paper, match, list(map(_own, finished, folders, measured)))
    gates = [picture for part, rows in zip(finished, measured, strict=True) for picture in _gates(part, rows)]
    try:
        (out / "sheet.csv").write_text(csv_text(table), encoding="utf-8")
        (out / "sheet.parquet").write_bytes(parquet_bytes(table))
    except OSError as error:
        raise UserError(f"Cannot write to {out} ({error.strerror}): give another --out.") from error
    tables = [experiment_table([_row(out, part) for part in parts])]
    summary = summary_table(table)
    tables += [*([summary] if summary else []), *number_tables(table), *source_tables(table)]
    page = write_report(
        out,
        title=f"{paper.name} on {model}: published beside measured",
        pictures=[*sheet_pictures(table, model), *gates],
        tables=tables,
        summary=findings(paper, match, table, left_out),
        models=[model],
        provenance={part.name: _provenance(run_folder(out, part)) for part in finished},
        command=command,
    )
    return page, table


def findings(paper: Paper, match: ModelMatch, table: pd.DataFrame, left_out: Sequence[LeftOut]) -> list[str]:
    """What the sheet says, in sentences."""
    said = []
    compared = table[table["difference"].notna()]
    if match.model is None:
        said.append(
            f"{paper.name} did not measure this model: its procedure was run, and there is nothing published to compare with."
        )
    elif len(compared):
        covered = int((compared["verdict"] == COVERED).sum())
        said.append(f"{covered} of {len(compared)} numbers published of {match.model} are covered. {DRAWN}")
    else:
        said.append(f"None of the numbers published of {match.model} is compared with yours.")
    for why, rows in table[table["why"] != ""].groupby("why", sort=False):
        said.append(f"Not compared ({', '.join(dict.fromkeys(rows['experiment']))}): {why}.")
    for noted, rows in compared[compared["noted"] != ""].groupby("noted", sort=False):
        said.append(f"Noted ({', '.join(dict.fromkeys(rows['experiment']))}): {noted}.")
    for out in left_out:
        said.append(f"Not run: {out.part.experiment}, {out.part.direction}. {out.reason}")
    return list(dict.fromkeys(said))


def _own(part: Part, folder: RunFolder, rows: pd.DataFrame) -> Own:
    # Rows that are about no prompt (a gate) have none.
    prompts = rows[rows["prompt"] != ""].groupby(["task", "seed"])["prompt"].nunique().max()
    return Own(part, folder.config(), points_of(part, rows), int(prompts))


def _gates(part: Part, rows: pd.DataFrame) -> list[Picture]:
    """The paper's figures of head gates: their numbers belong to no layer, so that no curve is drawn of them."""
    if part.analysis != "head-gates":
        return []
    return [replace(picture, section=part.experiment) for picture in gate_pictures(trainings(rows))]


def _row(out: Path, part: Part) -> dict[str, str]:
    """What became of a part."""
    record = read_provenance(run_folder(out, part))
    seconds = record.get("seconds_measuring")
    return {
        "Experiment": f"{part.experiment}, {part.direction}",
        "In the paper": f"{part.version} version, {part.figures}",
        "Measured in": "not run" if seconds is None else f"{float(seconds):.0f} s",
        "Of the paper": part.note,
    }


def _provenance(folder: Path) -> Mapping[str, Any]:
    """What says how a run was made; its cells fill pages."""
    kept = ("settings", "models", "data", "metrics", "environment", "seconds_measuring")
    return {name: what for name, what in read_provenance(folder).items() if name in kept}
