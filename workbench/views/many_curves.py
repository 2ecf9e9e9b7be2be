"""More curves in one picture than lines through it could mark: curves above, their recognition layers in rows below.

Both share the axis of the layers. Each row of the lower part is one curve: its recognition layer, the 95 % interval as a bar,
and both in numbers at the right; a hollow mark at the right end stands for none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from workbench.views import theme
from workbench.views.curves import LEGEND_ROW, PLOT_HEIGHT, band, frame_of, layer_axis_title, layer_ticks, mean_line
from workbench.views.hover import recognition_text
from workbench.views.layer_marks import layer_marks, layer_numbers
from workbench.views.marks import HIDDEN_AXIS, SCORE_AXIS, Frame, published_lines, recognised, spread
from workbench.views.series import Series
from workbench.views.text import escape, number, score_name

ROW_HEIGHT = 21
GAP = 34
"""Between the two parts, in pixels."""
_ROWS_AXIS = HIDDEN_AXIS


@dataclass(frozen=True)
class Level:
    """A horizontal line, named in the right margin."""

    name: str
    value: float
    colour: str = theme.GREY
    dash: str = "8px,4px"


def many_curves_figure(
    all_series: Sequence[Series],
    *,
    title: str,
    subtitle: str,
    score: str,
    value_title: str,
    levels: Sequence[Level] = (),
    texts: pd.DataFrame | None = None,
    published: pd.DataFrame | None = None,
    percent: bool = False,
) -> go.Figure:
    """The curves, and below them where each is recognised.

    Args:
        all_series: in the order of the legend and of the rows; their names are the legend.
        title: escaped here.
        subtitle: how it was made, escaped already.
        score: its name, for what the pointer shows.
        value_title: the axis of the scores, with its unit.
        levels: horizontal lines.
        texts: completions, one of which stands under the pointer.
        published: a paper's curves, drawn behind.
        percent: the values are shares of one.
    """
    frame = frame_of(pd.concat([series.pooled for series in all_series]), published)
    figure = go.Figure()
    figure.add_traces(published_lines(published, frame))
    figure.add_traces([band(series, frame, 0.1) for series in all_series])
    named = {level: escape(level.name) + ("" if percent else f" {number(level.value)}") for level in levels}
    figure.add_traces(_level_traces(named, frame))
    # The rows below say which curves have no recognition layer: the legend need not.
    figure.add_traces([mean_line(series, frame, score, texts).update(name=series.name) for series in all_series])
    figure.add_traces([trace for series in all_series for trace in _ring(series, frame, score)])
    for place, series in enumerate(all_series):
        figure.add_traces(_row(series, -float(place), frame, score))
    _lay_out(figure, all_series, frame, title, subtitle, _right_margin(list(named.values())))
    figure.update_layout(yaxis2={"title": {"text": escape(value_title)}})
    if percent:
        figure.update_layout(yaxis2={"tickformat": ".0%"})
    return figure


def as_share(series: Series) -> Series:
    """The curve as a share of its own way from floor to ceiling; a score of which less is better turns round."""
    floor, way = series.floor, series.ceiling - series.floor
    values = series.pooled[["value", "low", "high"]].astype(float).sub(floor).div(way)
    ends = {"low": values[["low", "high"]].min(axis=1), "high": values[["low", "high"]].max(axis=1)}
    return replace(series, pooled=series.pooled.assign(value=values["value"], **ends))


def _right_margin(names: Sequence[str]) -> int:
    """Pixels for the longest name of a level, and for a layer with its interval."""
    return max(104, 24 + 7 * max((len(name) for name in names), default=0))


def _level_traces(levels: Mapping[Level, str], frame: Frame) -> list[go.Scatter]:
    room = frame.top - frame.bottom
    wanted = spread([level.value for level in levels], 16 / frame.height * room)
    # Plotly hides text whose anchor lies outside the axis, so the names stay within it.
    lower = max(0.0, max(wanted, default=frame.top) - frame.top)
    traces = []
    for (level, name), place in zip(levels.items(), wanted, strict=True):
        shared = {"yaxis": SCORE_AXIS, "showlegend": False, "hoverinfo": "skip"}
        traces.append(
            go.Scatter(
                x=[frame.left, frame.right],
                y=[level.value, level.value],
                mode="lines",
                line={"color": level.colour, "width": 1.3, "dash": level.dash},
                meta={"role": "level", "name": level.name},
                **shared,
            )
        )
        traces.append(
            go.Scatter(
                x=[frame.right],
                y=[place - lower],
                mode="text",
                text=[f" {name}"],
                textposition="middle right",
                textfont={"color": level.colour, "size": 12},
                cliponaxis=False,
                meta={"role": "level label"},
                **shared,
            )
        )
    return traces


def _ring(series: Series, frame: Frame, score: str) -> list[go.Scatter]:
    """A ring around the point of the curve at which the layer is recognised."""
    layer = recognised(series)
    at = series.pooled.loc[series.pooled["from_layer"] == layer, "value"]
    if layer is None or at.empty:
        return []
    ring = {"symbol": "circle-open", "size": 16, "color": series.colour, "line": {"width": 2, "color": series.colour}}
    return [
        go.Scatter(
            x=[frame.x(layer, series.n_layers)],
            y=[float(at.iloc[0])],
            yaxis=SCORE_AXIS,
            mode="markers",
            marker=ring,
            hovertext=[recognition_text(series, score_name(score))],
            hovertemplate="%{hovertext}<extra></extra>",
            legendgroup=series.group,
            showlegend=False,
            meta={"role": "recognition ring"},
        )
    ]


def _row(series: Series, height: float, frame: Frame, score: str) -> list[go.Scatter]:
    """The recognition layer of one curve, its interval, and both in numbers."""
    found = series.recognition
    if found is None:
        return []
    shared: dict[str, Any] = {"yaxis": _ROWS_AXIS, "legendgroup": series.group}
    ends = (found["layer"], found["low"], found["high"], series.n_layers)
    hover = recognition_text(series, score_name(score))
    marks = layer_marks(
        *ends, height=height, colour=series.colour, symbol=series.symbol, hover=hover, name=series.name, **shared
    )
    numbers = go.Scatter(
        x=[frame.right],
        y=[height],
        mode="text",
        text=[f" {layer_numbers(*ends)}"],
        textposition="middle right",
        textfont={"color": series.colour, "size": 12},
        hoverinfo="skip",
        showlegend=False,
        cliponaxis=False,
        meta={"role": "layer label"},
        **shared,
    )
    return [*marks, numbers]


def _lay_out(
    figure: go.Figure, all_series: Sequence[Series], frame: Frame, title: str, subtitle: str, right: int
) -> None:
    rows = max(1, len(all_series)) * ROW_HEIGHT
    named = sum(trace.showlegend is not False for trace in figure.data)
    top, bottom = 88, 84 + LEGEND_ROW * named
    plot = PLOT_HEIGHT + GAP + rows
    ticks = layer_ticks(round(frame.right / 1.03))
    figure.update_layout(
        template="workbench",
        title={"text": escape(title), "subtitle": {"text": subtitle}},
        height=top + plot + bottom,
        margin={"t": top, "b": bottom, "l": 76, "r": right},
        legend={"x": 0, "xanchor": "left", "y": 0, "yref": "container", "yanchor": "bottom", "tracegroupgap": 0},
        xaxis={
            "title": {"text": layer_axis_title(all_series, frame.relative)},
            "range": [frame.left, frame.right],
            "anchor": _ROWS_AXIS,
            "tickmode": "array",
            "tickvals": ticks,
            "ticktext": [str(tick) for tick in ticks],
        },
        yaxis={
            "domain": [0, rows / plot],
            "range": [0.6 - len(all_series), 0.6],
            "showgrid": False,
            "tickvals": [],
            "fixedrange": True,
        },
        yaxis2={
            "domain": [(rows + GAP) / plot, 1],
            "range": [frame.bottom, frame.top],
            "anchor": "x",
            "side": "left",
        },
    )
    figure.add_annotation(
        **{"text": "recognised at layer", "x": 0, "xref": "paper", "xanchor": "left"},
        **{"y": rows / plot, "yref": "paper", "yanchor": "bottom", "yshift": 2},
        font={"size": 12, "color": theme.GREY},
    )
