"""Where does it happen? One layer axis for every method: a row for each quantity, the recognition layers through all of them.

Methods differ in what they measure, not in where: so every quantity keeps its own scale and unit, and all share the layers. The
first row holds the task-recognition layers with their intervals; each is drawn down through the rows below, for the eye to
compare with where the answer appears, which heads matter, and what is looked at.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from workbench.errors import UserError
from workbench.views import theme
from workbench.views.curves import layer_ticks
from workbench.views.layer_profiles import PROFILE_COLUMNS
from workbench.views.overview_marks import (
    MARK_AXIS,
    START,
    THROUGH_AXIS,
    Style,
    chosen_marks,
    layer_lines,
    mark_traces,
    styles_of,
    through_lines,
)
from workbench.views.text import escape, missing, number

ROW_HEIGHT = 104
MARK_HEIGHT = 36
TITLE_LINE = 17
GAP = 26
"""Between the foot of one row and the title of the next, in pixels."""
RECOGNITION = "task-recognition"
"""The analysis whose curves give the recognition layers."""
DECADES = 100.0
"""Values that span more than this factor are drawn on a logarithmic scale."""
FIRST_ROW = 3
"""Number of the first row's vertical axis, after those of the lines through all rows and of the marks."""
TITLE_WIDTH, QUIET_WIDTH = 37, 46
"""Characters of a row's title, and of the line below it, in a narrow window."""


@dataclass(frozen=True)
class _Row:
    """One row of the figure: what is measured, in pixels from the top of the plot."""

    what: tuple[str, ...]
    """Lines that say what was measured."""
    quiet: tuple[str, ...]
    """Lines that say its unit and who measured it."""
    top: float
    bottom: float


def overview_figure(profiles: pd.DataFrame, recognition: pd.DataFrame | None = None) -> go.Figure:
    """Every quantity of `profiles` against the layer, one row each: the masking curves, then the rest in the table's order.

    Args:
        profiles: `PROFILE_COLUMNS`, and `analysis`, who measured it; one row per model, task, quantity and layer.
        recognition: the recognition table; by each task's main score it gives the first row and the lines through all rows.

    Raises:
        UserError: nothing to draw, columns are missing, or one quantity has two values at one layer.
    """
    _check(profiles)
    profiles = _recognition_first(profiles)
    marks = chosen_marks(recognition, profiles)
    styles = styles_of(profiles)
    quantities = [
        (str(analysis), str(quantity), part)
        for (analysis, quantity), part in profiles.groupby(["analysis", "quantity"], sort=False)
    ]
    rows, plot = _rows([(analysis, quantity) for analysis, quantity, _ in quantities], len(marks))
    figure = go.Figure()
    last = int(profiles["layer"].max())
    figure.add_trace(layer_lines(last))
    figure.add_traces(through_lines(marks, styles, MARK_HEIGHT / plot))
    if len(marks):
        figure.add_traces(mark_traces(marks, styles, last))
    named: set[str] = set()
    for place, (analysis, quantity, part) in enumerate(quantities, start=FIRST_ROW):
        for (model, task), points in part.groupby(["model", "task"], sort=False):
            figure.add_traces(_line(points, styles[str(model), str(task)], place, analysis, quantity, named))
    _lay_out(figure, profiles, marks, rows, plot, len(styles))
    for place, (_, _, part) in enumerate(quantities, start=FIRST_ROW):
        figure.update_layout({f"yaxis{place}": _scale(part)})
    return figure


def _check(profiles: pd.DataFrame) -> None:
    if profiles.empty:
        raise UserError("no layer profile to draw: give runs of analyses that measure something layer by layer")
    lacking = [name for name in (*PROFILE_COLUMNS, "analysis") if name not in profiles]
    if lacking:
        raise UserError(f"layer profiles need the columns {', '.join(PROFILE_COLUMNS)}; missing: {', '.join(lacking)}")
    keys = ["analysis", "model", "task", "quantity", "layer"]
    twice = profiles[profiles.duplicated(keys)]
    if len(twice):
        row = twice.iloc[0]
        raise UserError(
            f"{row['analysis']} has two values of {row['quantity']!r} for {row['task']} of {row['model']} at layer "
            f"{row['layer']}; give one run of each."
        )


def _recognition_first(profiles: pd.DataFrame) -> pd.DataFrame:
    """The rows that the recognition layers are read off come first, below their marks."""
    first = profiles["analysis"] == RECOGNITION
    return pd.concat([profiles[first], profiles[~first]])


def _rows(quantities: Sequence[tuple[str, str]], marks: int) -> tuple[list[_Row], float]:
    """Where the rows stand, below the marks, and the height of all of them together."""
    top = float(MARK_HEIGHT * marks + 2 * (marks > 0))
    rows = []
    for analysis, quantity in quantities:
        what, _, unit = quantity.partition(" (")
        lines = textwrap.wrap(what, TITLE_WIDTH, break_on_hyphens=False)
        quiet = " · ".join([part for part in (unit.removesuffix(")"), analysis.replace("-", " ")) if part])
        below = textwrap.wrap(quiet, QUIET_WIDTH, break_on_hyphens=False)
        top += GAP * (top > 0) + TITLE_LINE * (len(lines) + len(below))
        rows.append(_Row(tuple(lines), tuple(below), top, top + ROW_HEIGHT))
        top += ROW_HEIGHT
    return rows, top


def _line(
    points: pd.DataFrame, style: Style, place: int, analysis: str, quantity: str, named: set[str]
) -> list[go.Scatter]:
    points = points.sort_values("layer")
    shared = {"yaxis": f"y{place}", "legendgroup": style.name}
    panel = escape(quantity)
    line = go.Scatter(
        x=[int(layer) for layer in points["layer"]],
        y=[None if missing(value) else float(value) for value in points["value"]],
        mode="lines+markers",
        name=style.name,
        line={"color": style.colour, "width": 2.2, "dash": style.dash},
        marker={"color": style.colour, "size": 6.5, "symbol": style.symbol},
        hovertext=[_hover(row, style, analysis, panel) for _, row in points.iterrows()],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=style.name not in named,
        meta={"role": "mean", "panel": panel},
        **shared,
    )
    named.add(style.name)
    return [*_band(points.dropna(subset=["value", "low", "high"]), style, panel, shared), line]


def _band(points: pd.DataFrame, style: Style, panel: str, shared: dict[str, str]) -> list[go.Scatter]:
    if points.empty:
        return []
    x, low, high = (
        list(points["layer"].astype(int)),
        *(list(points[end].astype(float)) for end in ("low", "high")),
    )
    band = go.Scatter(
        x=x + x[::-1],
        y=high + low[::-1],
        mode="lines",
        line={"width": 0, "color": style.colour},
        fill="toself",
        fillcolor=theme.translucent(style.colour, 0.15),
        hoverinfo="skip",
        showlegend=False,
        meta={"role": "band", "panel": panel},
        **shared,
    )
    return [band]


def _hover(row: pd.Series, style: Style, analysis: str, quantity: str) -> str:
    interval = ""
    if not missing(row["low"]) and not missing(row["high"]):
        interval = f"  95 % interval [{number(row['low'])}, {number(row['high'])}]"
    lines = [f"<b>layer {int(row['layer'])}</b>", style.name, f"{quantity}: <b>{number(row['value'])}</b>{interval}"]
    return "<br>".join([*lines, escape(analysis)])


def _scale(part: pd.DataFrame) -> dict[str, object]:
    """The vertical axis of one quantity: logarithmic for what counts from one over decades, with zero where it is near."""
    values = pd.concat([part[name].astype(float) for name in ("value", "low", "high")]).dropna()
    if len(values) and values.min() >= 1 and values.max() / values.min() > DECADES:
        powers = range(math.ceil(math.log10(values.max())) + 1)
        return {"type": "log", "tickvals": [10**power for power in powers], "ticktext": [f"{10**p:,}" for p in powers]}
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    low = min(low, 0.0) if low < 0.35 * high else low
    room = 0.06 * (high - low) or 1.0
    return {"range": [low - room, high + room], "nticks": 5}


def _lay_out(
    figure: go.Figure, profiles: pd.DataFrame, marks: pd.DataFrame, rows: Sequence[_Row], plot: float, series: int
) -> None:
    last = int(profiles["layer"].max())
    top, bottom = 82 + (20 if len(marks) else 0), 64 + (20 * series if series > 1 else 0)
    figure.update_layout(
        template="workbench",
        # The rows lie over the axis of the lines through all of them, which must show.
        plot_bgcolor="rgba(0,0,0,0)",
        title={"text": "Where does it happen?", "subtitle": {"text": _subtitle(profiles, marks)}},
        height=round(top + plot + bottom),
        margin={"t": top, "b": bottom, "l": 52, "r": 24},
        legend={"x": 0, "xanchor": "left", "y": 0, "yref": "container", "yanchor": "bottom", "tracegroupgap": 0},
        showlegend=series > 1,
        xaxis=_layer_axis(last, marks, f"y{FIRST_ROW + len(rows) - 1}"),
    )
    figure.update_layout({f"yaxis{THROUGH_AXIS[1:]}": {"domain": [0, 1], "range": [0, 1], "visible": False}})
    for place, row in enumerate(rows, start=FIRST_ROW):
        upper = 1 - row.top / plot
        figure.update_layout({f"yaxis{place}": {"domain": [max(0.0, 1 - row.bottom / plot), upper], "anchor": "x"}})
        _annotate(figure, [f"<b>{escape(line)}</b>" for line in row.what], upper, 3 + TITLE_LINE * len(row.quiet))
        _annotate(figure, [escape(line) for line in row.quiet], upper, 3, theme.GREY)
    if len(marks):
        figure.update_layout({f"yaxis{MARK_AXIS[1:]}": _mark_axis(len(marks), plot)})
        _annotate(figure, ["<b>task-recognition layer</b>"], 1.0, 3)


def _layer_axis(last: int, marks: pd.DataFrame, anchor: str) -> dict[str, object]:
    ticks = layer_ticks(last)
    # A lens reads once more after the last layer.
    output = len(marks) > 0 and last == int(marks["n_layers"].max())
    return {
        "range": [START, last + 0.5],
        "tickmode": "array",
        "tickvals": ticks,
        "ticktext": [f"{tick}<br>output" if output and tick == last else str(tick) for tick in ticks],
        "title": {"text": "layer (from 0)"},
        "anchor": anchor,
        "showgrid": False,
        "showspikes": True,
        "spikemode": "across",
        "spikethickness": 1,
        "spikedash": "dot",
        "spikecolor": theme.GREY,
    }


def _mark_axis(marks: int, plot: float) -> dict[str, object]:
    return {
        "domain": [1 - (MARK_HEIGHT * marks + 2) / plot, 1],
        "range": [0, marks],
        "showticklabels": False,
        "ticks": "",
        "showgrid": False,
        "showline": False,
        "anchor": "x",
    }


def _annotate(figure: go.Figure, lines: Sequence[str], y: float, yshift: int, colour: str = theme.INK) -> None:
    figure.add_annotation(
        text="<br>".join(lines),
        x=0,
        xref="paper",
        xanchor="left",
        align="left",
        y=y,
        yref="paper",
        yanchor="bottom",
        yshift=yshift,
        font={"size": 13 if colour == theme.INK else 12, "color": colour},
    )


def _subtitle(profiles: pd.DataFrame, marks: pd.DataFrame) -> str:
    models = ", ".join(escape(str(name)) for name in dict.fromkeys(profiles["model"]))
    tasks = list(dict.fromkeys(profiles["task"]))
    first = f"model <b>{models}</b>" + (f" · {escape(str(tasks[0]))}" if len(tasks) == 1 else "")
    n = sorted({int(count) for count in marks["n"]}) if len(marks) else []
    parts = [f"recognition: n = {n[0]}{f' to {n[-1]}' if len(n) > 1 else ''} prompts"] if n else []
    parts += ["bands: 95 % intervals"] if profiles[["low", "high"]].notna().to_numpy().any() else []
    parts += ["lines: recognition layers"] if len(marks) and marks["layer"].notna().any() else []
    return first + (f"<br>{' · '.join(parts)}" if parts else "")
