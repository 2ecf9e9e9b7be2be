"""The recognition layers in the overview figure: a mark for each in the first row, and from it a line through all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from workbench.views import theme
from workbench.views.findings import hidden
from workbench.views.tables import pooled_rows
from workbench.views.text import escape, layer_interval, missing

THROUGH_AXIS = "y"
"""Hidden, over the whole height. It is the first, so that the rows lie over it and take the pointer."""
MARK_AXIS = "y2"
SHADED = 1
"""Up to so many series have their intervals shaded through all rows; those of several lie over one another."""
EDGE = 0.4
"""How far behind the last layer, in layers, the mark for "none" stands."""
START = -0.35
"""Where the layer axis begins."""
_STEM, _WORDS = 0.26, 0.72
"""Heights in a mark's row: of the mark, and of its name above it, which fits a narrow window wherever the mark stands."""


@dataclass(frozen=True)
class Style:
    """How one task under one model is drawn, in every row."""

    name: str
    colour: str
    symbol: str
    dash: str


def chosen_marks(recognition: pd.DataFrame | None, profiles: pd.DataFrame) -> pd.DataFrame:
    """The recognition rows of the tasks that are drawn, each task's by its main score."""
    if recognition is None or recognition.empty:
        return pd.DataFrame()
    rows = pooled_rows(recognition)
    main = rows.drop_duplicates(["model", "task"])[["model", "task", "score"]]
    rows = rows.merge(main, on=["model", "task", "score"]).merge(
        profiles[["model", "task"]].drop_duplicates(), on=["model", "task"]
    )
    return rows.reset_index(drop=True)


def styles_of(profiles: pd.DataFrame) -> dict[tuple[str, str], Style]:
    """A colour and a symbol per task, a dash per model."""
    keys = list(dict.fromkeys(zip(profiles["model"], profiles["task"], strict=True)))
    tasks, models = (list(dict.fromkeys(key[place] for key in keys)) for place in (1, 0))
    colours, symbols = theme.assigned(tasks, theme.OTHERS), theme.assigned(tasks, theme.SYMBOLS)
    dashes = theme.assigned(models, theme.LINE_DASHES)
    several = len(models) > 1
    return {
        (model, task): Style(
            escape(f"{task}, {model}" if several else task), colours[task], symbols[task], dashes[model]
        )
        for model, task in keys
    }


def mark_traces(marks: pd.DataFrame, styles: Mapping[tuple[str, str], Style], last: int) -> list[go.Scatter]:
    """The first row: a mark with its interval for every task and mask, and its name and layer above it."""
    traces = []
    varying = [name for name in ("mask", "format", "examples") if marks[name].nunique() > 1]
    for place, (_, row) in enumerate(marks.iterrows()):
        style = styles[row["model"], row["task"]]
        traces += _mark(row, style, len(marks) - place - 1.0, last, [str(row[name]) for name in varying])
    return traces


def _mark(row: pd.Series, style: Style, foot: float, last: int, words: Sequence[str]) -> list[go.Scatter]:
    found = not missing(row["layer"])
    layer = float(row["layer"]) if found else last + EDGE
    interval = layer_interval(row["low"], row["high"], int(row["n_layers"])) if found else ""
    label = ", ".join([style.name, *(escape(word) for word in words)])
    ends = [min(float(row[end]), last + EDGE) for end in ("low", "high")] if interval else [layer, layer]
    height = foot + _STEM
    shared = {"yaxis": MARK_AXIS, "legendgroup": style.name, "showlegend": False}
    role = {"panel": "task-recognition layer"}
    stem = go.Scatter(
        x=[START, layer],
        y=[height, height],
        mode="lines",
        line={"color": style.colour, "width": 1},
        opacity=0.5,
        hoverinfo="skip",
        # Only for the eye: the data are the mark's.
        meta={"role": "grid"},
        **shared,
    )
    bar = go.Scatter(
        x=ends,
        y=[height, height],
        mode="lines",
        line={"color": style.colour, "width": 5},
        opacity=0.4,
        hoverinfo="skip",
        meta={"role": "interval", **role},
        **shared,
    )
    mark = go.Scatter(
        x=[layer],
        y=[height],
        mode="markers",
        marker={
            "symbol": style.symbol + ("" if found else "-open"),
            "size": 11,
            "color": style.colour,
            "line": {"width": 0 if found else 2, "color": style.colour},
        },
        cliponaxis=False,
        hovertext=[_mark_hover(row, label, interval)],
        hovertemplate="%{hovertext}<extra></extra>",
        meta={"role": "recognition layer", **role},
        **shared,
    )
    said = f"<b>{int(layer)}</b> {interval}" if found else "none"
    text = go.Scatter(
        x=[START],
        y=[foot + _WORDS],
        mode="text",
        text=[f"{label}  {said}"],
        textposition="middle right",
        textfont={"color": style.colour, "size": 13},
        cliponaxis=False,
        hoverinfo="skip",
        meta={"role": "recognition label", **role},
        **shared,
    )
    return [stem, bar, mark, text]


def _mark_hover(row: pd.Series, label: str, interval: str) -> str:
    if missing(row["layer"]):
        return "<br>".join(["<b>no recognition layer</b>", label, escape(str(row["reason"]))])
    lines = [f"<b>task-recognition layer {int(row['layer'])} of {int(row['n_layers'])}</b>", label]
    lines += [f"95 % interval {interval}"] if interval else []
    return "<br>".join([*lines, f"{escape(hidden(row['mask']))} from there on; n = {int(row['n'])} prompts"])


def layer_lines(last: int) -> go.Scatter:
    """A faint line at every layer through all rows. The axis's own would cover the recognition lines."""
    return go.Scatter(
        x=[x for layer in range(last + 1) for x in (layer, layer, None)],
        y=[0, 1, None] * (last + 1),
        mode="lines",
        line={"width": 1, "color": theme.translucent(theme.GREY, 0.16)},
        yaxis=THROUGH_AXIS,
        hoverinfo="skip",
        showlegend=False,
        meta={"role": "grid"},
    )


def through_lines(marks: pd.DataFrame, styles: Mapping[tuple[str, str], Style], mark_height: float) -> list[go.Scatter]:
    """From the first mark of every task down through all rows: a line, and its interval where few are drawn.

    They live on a hidden axis over the whole height, so that a click in the legend hides them with their task. `mark_height` is
    the height of one mark's row as a share of all rows'.
    """
    if marks.empty:
        return []
    firsts = marks.drop_duplicates(["model", "task"])
    firsts = firsts[firsts["layer"].notna()]
    traces = []
    for place, row in firsts.iterrows():
        style = styles[row["model"], row["task"]]
        top = 1 - mark_height * (int(str(place)) + 1 - _STEM)
        shared = {"yaxis": THROUGH_AXIS, "legendgroup": style.name, "showlegend": False, "hoverinfo": "skip"}
        if (
            len(firsts) <= SHADED
            and layer_interval(row["low"], row["high"], int(row["n_layers"]))
            and row["low"] < row["high"]
        ):
            traces.append(_shade(float(row["low"]), float(row["high"]), top, style, shared))
        line = go.Scatter(
            x=[int(row["layer"])] * 2,
            y=[0, top],
            mode="lines",
            line={"width": 1.6, "color": style.colour},
            opacity=0.8,
            meta={"role": "recognition line"},
            **shared,
        )
        traces.append(line)
    return traces


def _shade(low: float, high: float, top: float, style: Style, shared: Mapping) -> go.Scatter:
    return go.Scatter(
        x=[low, high, high, low, low],
        y=[0, 0, top, top, 0],
        mode="lines",
        line={"width": 0, "color": style.colour},
        fill="toself",
        fillcolor=theme.translucent(style.colour, 0.09),
        meta={"role": "recognition interval"},
        **shared,
    )
