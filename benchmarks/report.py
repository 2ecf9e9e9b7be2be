"""The benchmark's folder: tables as CSV, parquet and Markdown, and a page with the figures, of all rows measured so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.figures import bars_figure, growth_figure, times_figure, written
from benchmarks.result import Measured, bar_table, timing_table
from benchmarks.rows import ROWS
from workbench.views.report import Picture, Table, write_report
from workbench.views.text import number, plural

_SWEEPS = ("peers", "random", "masks", "heads", "gpu")
"""Rows whose times are those of whole sweeps."""
_CLOCKS = {"wall": "wall time", "processor": "processor time"}


def write(folder: Path) -> tuple[str, Path]:
    """Write everything that the folder's rows give; the table as Markdown, and the path of the page."""
    measured = [Measured.read(path) for row in ROWS if (path := folder / "rows" / f"{row}.json").exists()]
    bars, timings = bar_table(measured), timing_table(measured)
    for name, table in (("bars", bars), ("timings", timings)):
        table.to_csv(folder / f"{name}.csv", index=False)
        table.to_parquet(folder / f"{name}.parquet", index=False)
    readable = _readable(bars)
    text = _markdown(readable)
    (folder / "bars.md").write_text(f"{text}\n", encoding="utf-8")
    page = write_report(
        folder,
        title="The fast sweep against other ways of running it",
        pictures=_pictures(measured, timings),
        tables=[
            Table("What was reached", readable, "Medians of repeats; each peer against its neighbour in time."),
            Table("Every peer's times", _times(timings)),
        ],
        summary=[_summary(bars)],
        models=sorted(set(timings["shape"])) if len(timings) else [],
        provenance={each.row: {"seconds": round(each.seconds), **each.made_with} for each in measured},
        command=f"python -m benchmarks --rows {' '.join(each.row for each in measured)}",
    )
    return text, page


def _pictures(measured: list[Measured], timings: pd.DataFrame) -> list[Picture]:
    def machine(rows: Sequence[str]) -> str:
        return _machine([each for each in measured if each.row in rows])

    pictures = []
    bars = [(each.row, bar) for each in measured for bar in each.result.bars]
    if any(bar.bar is not None for _, bar in bars):
        pictures.append(
            Picture("bars", bars_figure(bars, machine(tuple(ROWS))), "Right of the dashed line is better.", "Bars")
        )
    if len(timings):
        sweeps = timings[timings["row"].isin(_SWEEPS)]
        growth = timings[timings["row"] == "growth"]
        if len(sweeps):
            pictures.append(Picture("times", times_figure(sweeps, machine(_SWEEPS)), "Medians.", "Times"))
        if growth["layers"].nunique() > 1:
            caption = "From prompts to the layer and its interval: sweep, scoring, bootstrap."
            pictures.append(Picture("growth", growth_figure(growth, machine(("growth",))), caption, "Times"))
    return pictures


def _machine(measured: list[Measured]) -> str:
    """The machine in a line; several where rows were measured on several, or in several ways."""
    found = []
    for each in measured:
        hardware, settings = each.made_with.get("hardware", {}), each.made_with.get("settings", {})
        versions = each.made_with.get("versions", {})
        parts = [
            hardware.get("gpu") or hardware.get("processor"),
            plural(int(hardware.get("threads", 1)), "thread"),
            f"PyTorch {versions.get('torch')}",
            plural(int(settings.get("repeats", 1)), "repeat"),
            _CLOCKS[settings.get("clock", "wall")],
        ]
        found.append(" · ".join(map(str, parts)))
    return "\n".join(dict.fromkeys(found))


def _readable(bars: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Row": row["row"],
                "Shape": row["shape"],
                "Against": row["what"],
                "Measured": written(row["value"], row["unit"]),
                "Bar": _bar(row),
                "Reached": {True: "yes", False: "no"}.get(row["reached"], "–"),
                "Counted": "–" if pd.isna(row["counted"]) else written(row["counted"], row["unit"]),
                "Answers that differ": "–"
                if pd.isna(row["compared"])
                else f"{row['differ']:.0f} of {row['compared']:.0f}",
                "Note": row["note"],
            }
            for row in bars.to_dict("records")
        ]
    )


def _bar(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["bar"]):
        return "–"
    return f"at {'most' if row['at_most'] else 'least'} {written(row['bar'], row['unit'])}"


def _times(timings: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Row": row["row"],
                "Shape": row["shape"],
                "Peer": row["peer"],
                "Prompts": row["prompts"],
                "Seconds": number(row["median_seconds"]),
                "Seconds a prompt": number(row["seconds_a_prompt"]),
                "Layer-tokens": "–" if pd.isna(row["layer_tokens"]) else f"{row['layer_tokens']:.0f}",
                "Repeats": row["repeats"],
            }
            for row in timings.to_dict("records")
        ]
    )


def _markdown(table: pd.DataFrame) -> str:
    lines = [list(table.columns), ["---"] * len(table.columns), *table.astype(str).to_numpy().tolist()]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _summary(bars: pd.DataFrame) -> str:
    judged = bars[bars["bar"].notna()]
    answers = bars.dropna(subset=["compared"])
    return (
        f"{int(judged['reached'].astype(bool).sum())} of {len(judged)} bars are reached; of "
        f"{answers['compared'].sum():.0f} answers compared with a peer's, {answers['differ'].sum():.0f} differ."
    )
