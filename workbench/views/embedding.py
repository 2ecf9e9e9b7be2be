"""Figures and tables as the report's template needs them: escaped JSON for script elements, cells as text, data to save."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio
from markupsafe import Markup

from workbench.views.data import csv_text, figure_table, parquet_bytes
from workbench.views.text import missing, number

DEFAULT_HEIGHT = 450
_NUMBER = re.compile(r"[+−-]?\d[\d.,e+−-]*|–")


def script_json(value: object) -> Markup:
    """JSON that can stand inside a script element: no `<`, `>` or `&` is left that could end it or open a comment."""
    text = json.dumps(value, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def figure_json(figure: go.Figure) -> Markup:
    """A figure as JSON for a script element, without its template: the page has one for light and one for dark."""
    # One named encoder: `auto` would write other bytes where orjson happens to be installed.
    payload = json.loads(pio.to_json(figure, validate=False, remove_uids=True, engine="json"))
    payload["layout"].pop("template", None)
    return script_json(payload)


def shown_figure(name: str, figure: go.Figure, caption: str, inline: bool) -> dict[str, Any]:
    """What the template shows of a figure; `inline` puts its data into the page, instead of files beside it."""
    table = figure_table(figure)
    return {
        "name": name,
        "caption": caption,
        "height": int(figure.layout.height or DEFAULT_HEIGHT),
        "json": figure_json(figure),
        "href": "" if inline else f"figures/{name}.html",
        "table": table,
        "data": _saved(table) if inline else None,
    }


def shown_table(identifier: str, name: str, frame: pd.DataFrame, caption: str) -> dict[str, Any]:
    """What the template shows of a table: cells as a reader wants them, and the full numbers to save."""
    rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    columns = [
        {"name": str(column), "numeric": bool(rows) and all(_NUMBER.fullmatch(row[place]) for row in rows)}
        for place, column in enumerate(frame.columns)
    ]
    shown = {"id": identifier, "name": name, "caption": caption}
    return {**shown, "columns": columns, "rows": rows, "data": _saved(_storable(frame))}


def _saved(table: pd.DataFrame) -> Markup:
    """A table in both formats, for the page's buttons."""
    return script_json({"csv": csv_text(table), "parquet": base64.b64encode(parquet_bytes(table)).decode("ascii")})


def _storable(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with columns of one kind each and names that are text."""
    kept = frame.copy()
    kept.columns = [str(name) for name in frame.columns]
    for place, name in enumerate(kept.columns):
        column = kept.iloc[:, place]
        if column.dtype == object:
            kept[name] = [None if missing(value) else str(value) for value in column]
    return kept


def _cell(value: object) -> str:
    if missing(value):
        return "–"
    return number(value) if isinstance(value, float) else str(value)
