"""Tables on the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import pandas as pd
from rich.console import Console
from rich.table import Table

ROWS = 24
"""Rows of a report's table that are printed; the report has all of them."""
KEPT = ("Task", "Mask", "Score", "Recognition layer", "95 % interval")
"""Columns that stay in the table even where all rows say the same: they are what was asked."""


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; in a pipe, as wide as it needs to be."""
    console = Console()
    if not console.is_terminal:
        console.width = 400
    table = Table(title=title or None, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Brackets are text here, not rich's own mark-up.
        table.add_row(*(cell.replace("[", r"\[") for cell in row))
    console.print(table)


def show_frame(title: str, frame: pd.DataFrame) -> None:
    """Print a table of a report; what is the same in all of its rows stands in a line above, to save width."""
    same = [
        name for name in frame.columns if len(frame) > 1 and name not in KEPT and len(set(_texts(frame[name]))) == 1
    ]
    if len(same) == frame.shape[1]:
        same = []
    if same:
        print(", ".join(f"{name}: {_text(frame[name].iloc[0])}" for name in same))
    varying = frame.drop(columns=same)
    columns = [_texts(varying[name].head(ROWS)) for name in varying.columns]
    show_table(title, list(map(str, varying.columns)), list(zip(*columns, strict=True)))
    if len(frame) > ROWS:
        print(f"... and {len(frame) - ROWS} rows more in the report.")


def _texts(values: Iterable[object]) -> list[str]:
    return [_text(value) for value in values]


def _text(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.3g}"
    return "" if value is None or value is pd.NA else str(value)
