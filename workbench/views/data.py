"""What a figure shows, as a table: one row for every point, bar or cell that is drawn, for CSV and parquet.

The table is read off the figure itself, so it cannot say anything else than the picture, and it works for every figure of every
analysis. A band around a line becomes the columns `low` and `high` of that line's own rows.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType

from workbench.views.text import missing

COLUMNS = ("panel", "series", "role", "x", "y", "low", "high", "value", "text")
_FLAT = ("x", "y", "r", "theta", "labels", "values", "parents")
_WORDS = ("hovertext", "text")
_TAG = re.compile(r"<[^<>]*>")


def figure_table(figure: go.Figure) -> pd.DataFrame:
    """The rows of a figure, in the order in which it draws.

    Columns (those that nothing fills are left out): `panel` (the part of the picture, by the title of its vertical axis),
    `series` (as in the legend), `role` (what the mark is: mean, band, seed, recognition layer ...), `x`, `y`, `low` and `high`
    (ends of a band or an error bar), `value` (of a heat map's cell), `text` (what stands at the mark or under the pointer).
    """
    rows: list[dict[str, Any]] = []
    bands: list[BaseTraceType] = []
    lines: dict[int, list[dict[str, Any]]] = {}
    for place, trace in enumerate(figure.data):
        if _role(trace) == "grid":
            continue
        if _is_band(trace):
            bands.append(trace)
            continue
        found = _rows(trace, _named(figure, trace))
        lines[place] = found
        rows += found
    for band in bands:
        rows += _folded(band, figure, lines)
    table = pd.DataFrame(rows)
    known = [name for name in COLUMNS if name in table and not _empty(table[name])]
    others = [name for name in table if name not in COLUMNS]
    return _uniform(table[[*known, *others]])


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV: UTF-8, a header, full precision, the same bytes for the same table."""
    return str(table.to_csv(index=False, lineterminator="\n"))


def parquet_bytes(table: pd.DataFrame) -> bytes:
    """A table as parquet; the same table gives the same bytes."""
    stream = io.BytesIO()
    table.to_parquet(stream, index=False, engine="pyarrow", compression="zstd")
    return stream.getvalue()


def plain_text(drawn: object) -> str:
    """The text of a mark without Plotly's mark-up, lines joined by semicolons: the inverse of `text.escape`."""
    lines = (_TAG.sub("", line).strip() for line in str(drawn).split("<br>"))
    flat = "; ".join(line for line in lines if line and line != "\u200b")
    return flat.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _named(figure: go.Figure, trace: BaseTraceType) -> dict[str, str]:
    meta = trace.meta if isinstance(trace.meta, Mapping) else {}
    own = {str(name): str(value) for name, value in meta.items() if name not in ("role", "panel")}
    return {
        "panel": plain_text(meta.get("panel") or _axis_title(figure, trace)),
        "series": plain_text(trace.name or _group_name(figure, trace)),
        "role": _role(trace),
        **own,
    }


def _role(trace: BaseTraceType) -> str:
    meta = trace.meta if isinstance(trace.meta, Mapping) else {}
    return str(meta.get("role") or trace.type)


def _group_name(figure: go.Figure, trace: BaseTraceType) -> str:
    """What the legend calls the group of a mark that has no entry of its own."""
    group = getattr(trace, "legendgroup", None)
    others = (other.name for other in figure.data if getattr(other, "legendgroup", None) == group and other.name)
    return next(others, "") if group else ""


def _axis_title(figure: go.Figure, trace: BaseTraceType) -> str:
    axis = str(getattr(trace, "yaxis", None) or "y").replace("y", "yaxis", 1)
    return str(getattr(figure.layout[axis].title, "text", None) or "") if axis in figure.layout else ""


def _rows(trace: BaseTraceType, named: Mapping[str, str]) -> list[dict[str, Any]]:
    """The rows of one trace; a key in the legend, whose only point is nowhere, has none."""
    if getattr(trace, "z", None) is not None:
        return _cells(trace, named)
    columns = {name: _listed(getattr(trace, name, None)) for name in _FLAT}
    columns = {name: values for name, values in columns.items() if values}
    length = max(map(len, columns.values()), default=0)
    # Plotly counts the positions that it is not given.
    for axis, other in (("x", "y"), ("y", "x")):
        if axis not in columns and other in columns and trace.type in ("scatter", "scattergl", "bar"):
            columns[axis] = list(range(length))
    words = _words(trace, length)
    ends = _error_ends(trace)
    found = []
    for index in range(length):
        cells = {name: values[index] for name, values in columns.items() if index < len(values)}
        if any(not missing(value) for value in cells.values()):
            text = {"text": words[index]} if words else {}
            found.append({**named, **cells, **{name: values[index] for name, values in ends.items()}, **text})
    return found


def _cells(trace: BaseTraceType, named: Mapping[str, str]) -> list[dict[str, Any]]:
    """A heat map, row by row."""
    values = [_listed(row) for row in trace.z]
    x = _listed(trace.x) or list(range(max(map(len, values), default=0)))
    y = _listed(trace.y) or list(range(len(values)))
    words = next((value for name in _WORDS if _is_grid(value := getattr(trace, name, None))), None)
    found = []
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            text = {} if words is None else {"text": plain_text(words[row][column])}
            found.append({**named, "x": x[column], "y": y[row], "value": value, **text})
    return found


def _is_grid(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray) and len(value) > 0 and not isinstance(value[0], str)


def _words(trace: BaseTraceType, length: int) -> list[str]:
    """What stands at each point or appears under the pointer there."""
    for name in _WORDS:
        value = getattr(trace, name, None)
        if isinstance(value, str) and value:
            return [plain_text(value)] * length
        words = _listed(value)
        if len(words) == length and length:
            return [plain_text(word) for word in words]
    return []


def _error_ends(trace: BaseTraceType) -> dict[str, list[float]]:
    """The ends of error bars along y, or along x where there are none along y."""
    for axis in ("y", "x"):
        bar: Any = getattr(trace, f"error_{axis}", None)
        above = _listed(getattr(bar, "array", None))
        if above:
            below = _listed(bar.arrayminus) or above
            at = _listed(getattr(trace, axis))
            return {
                "low": [float(value) - float(less) for value, less in zip(at, below, strict=True)],
                "high": [float(value) + float(more) for value, more in zip(at, above, strict=True)],
            }
    return {}


def _is_band(trace: BaseTraceType) -> bool:
    """Whether a filled outline runs along one line and back along another."""
    x = _listed(getattr(trace, "x", None))
    half = len(x) // 2
    return getattr(trace, "fill", None) == "toself" and len(x) == 2 * half > 0 and x[:half] == x[half:][::-1]


def _folded(
    band: BaseTraceType, figure: go.Figure, lines: Mapping[int, list[dict[str, Any]]]
) -> Sequence[dict[str, Any]]:
    """Put a band's ends into the rows of the line that it belongs to; where that is not plain, give them as rows."""
    x, y = _listed(band.x), _listed(band.y)
    half = len(x) // 2
    ends = {at: (low, high) for at, high, low in zip(x[:half], y[:half], y[half:][::-1], strict=True)}
    belonging = [rows for place, rows in lines.items() if _belongs(figure.data[place], band, rows, ends)]
    if len(belonging) != 1:
        return [{**_named(figure, band), "x": at, "low": low, "high": high} for at, (low, high) in ends.items()]
    for row in belonging[0]:
        row["low"], row["high"] = ends.get(row["x"], (None, None))
    return []


def _belongs(trace: BaseTraceType, band: BaseTraceType, rows: Sequence[Mapping[str, Any]], ends: Mapping) -> bool:
    """Whether a line with a name is of the band's group and axes and has its points."""
    same = all(getattr(trace, name, None) == getattr(band, name) for name in ("xaxis", "yaxis", "legendgroup"))
    return same and bool(trace.name) and len(rows) >= len(ends) and {row.get("x") for row in rows} >= set(ends)


def _listed(values: Any) -> list[Any]:
    if values is None or isinstance(values, str):
        return []
    if isinstance(values, np.ndarray):
        return list(values.tolist())
    return list(values) if isinstance(values, Iterable) else []


def _empty(column: pd.Series) -> bool:
    return bool(column.isna().all() or (column.astype(str) == "").all())


def _uniform(table: pd.DataFrame) -> pd.DataFrame:
    """Columns of one kind each, as parquet needs them: numbers, or text; an empty text is none."""
    for name in table.columns:
        if any(isinstance(value, str) for value in table[name]):
            table[name] = [None if missing(value) or value == "" else str(value) for value in table[name]]
    return table
