"""Curves by layer: any quantities of one unit, each a line with its 95 % interval as a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from workbench.views import theme
from workbench.views.curves import LEGEND_ROW, PLOT_HEIGHT, layer_ticks
from workbench.views.text import escape, number


@dataclass(frozen=True)
class LayerCurve:
    """One line of a figure."""

    name: str
    """Legend text."""
    rows: pd.DataFrame
    """Columns `layer`, `value`, `low`, `high`, `n`."""
    colour: str
    symbol: str = "circle"
    dash: str = "solid"


def layer_figure(
    curves: Sequence[LayerCurve],
    *,
    title: str,
    subtitle: str,
    layers: int,
    layer_title: str,
    value_title: str,
    percent: bool = False,
    rank: bool = False,
    counted: str = "prompts",
) -> go.Figure:
    """The curves over layers 0 to `layers`.

    Args:
        curves: what is drawn, in the order of the legend; one without rows is left out.
        title: escaped here, as all words are.
        subtitle: how it was made.
        layers: the last layer of the axis.
        layer_title: what a layer of the axis is.
        value_title: the quantity, with its unit.
        percent: the values are shares of one, drawn as per cent.
        rank: the values are ranks from 1, drawn on a logarithmic axis with 1 on top.
        counted: what `n` counts.
    """
    drawn = [curve for curve in curves if len(curve.rows)]
    figure = go.Figure()
    figure.add_traces([_band(curve) for curve in drawn])
    figure.add_traces([_line(curve, percent, counted) for curve in drawn])
    highest = None if percent or rank else _room_for_all_but_the_first(drawn)
    top, bottom = 82, 90 + LEGEND_ROW * len(drawn)
    ticks = layer_ticks(layers)
    figure.update_layout(
        template="workbench",
        title={"text": escape(title), "subtitle": {"text": subtitle}},
        height=top + PLOT_HEIGHT + bottom,
        margin={"t": top, "b": bottom, "l": 76, "r": 32},
        legend={
            **{"x": 0, "xanchor": "left", "y": 0, "yref": "container", "yanchor": "bottom"},
            **{"orientation": "v", "tracegroupgap": 0},
        },
        xaxis={
            "title": {"text": escape(layer_title).replace(" (", "<br>(")},
            "range": [-0.03 * layers, 1.03 * layers],
            "tickmode": "array",
            "tickvals": ticks,
            "ticktext": [str(tick) for tick in ticks],
        },
        yaxis={"title": {"text": escape(value_title)}, **_value_axis(percent, rank, highest)},
    )
    if highest is not None:
        _say_what_is_cut(figure, drawn, highest)
    return figure


def _room_for_all_but_the_first(curves: Sequence[LayerCurve]) -> float | None:
    """The top of an axis for the later layers, where the first towers above them and would press them flat."""
    later = [float(curve.rows.loc[curve.rows["layer"] > 0, "high"].max()) for curve in curves]
    first = [float(curve.rows.loc[curve.rows["layer"] == 0, "value"].max()) for curve in curves]
    top = 1.1 * max(later, default=0.0)
    return top if top > 0 and max(first, default=0.0) > 2 * top else None


def _say_what_is_cut(figure: go.Figure, curves: Sequence[LayerCurve], highest: float) -> None:
    """What the curves that leave the axis have at the first layer."""
    cut = [(curve, curve.rows.loc[curve.rows["layer"] == 0, "value"].max()) for curve in curves]
    words = [f"{escape(curve.name)}: {number(value)}" for curve, value in cut if value > highest]
    figure.add_annotation(
        text="↑ at 0, off the axis: " + "; ".join(words),
        **{"x": 0.2, "xref": "paper", "xanchor": "left", "y": 1, "yref": "paper", "yanchor": "top"},
        font={"size": 12, "color": theme.GREY},
    )


def _value_axis(percent: bool, rank: bool, highest: float | None) -> dict[str, Any]:
    if percent:
        return {"range": [-0.03, 1.03], "tickformat": ".0%"}
    if rank:
        return {"type": "log", "autorange": "reversed", "dtick": 1, "tickformat": ",d"}
    return {"rangemode": "tozero"} if highest is None else {"range": [0, highest]}


def _band(curve: LayerCurve) -> go.Scatter:
    rows = curve.rows.sort_values("layer").dropna(subset=["low", "high"])
    x = [int(layer) for layer in rows["layer"]]
    low, high = ([float(value) for value in rows[end]] for end in ("low", "high"))
    return go.Scatter(
        x=x + x[::-1],
        y=high + low[::-1],
        mode="lines",
        line={"width": 0, "color": curve.colour},
        fill="toself",
        fillcolor=theme.translucent(curve.colour, 0.15),
        hoverinfo="skip",
        legendgroup=curve.name,
        showlegend=False,
        meta={"role": "band"},
    )


def _line(curve: LayerCurve, percent: bool, counted: str) -> go.Scatter:
    rows = curve.rows.sort_values("layer")
    return go.Scatter(
        x=[int(layer) for layer in rows["layer"]],
        y=[float(value) for value in rows["value"]],
        mode="lines+markers",
        name=escape(curve.name),
        line={"color": curve.colour, "width": 2.6, "dash": curve.dash},
        marker={"color": curve.colour, "size": 8, "symbol": curve.symbol},
        hovertext=[_hover(row, curve.name, percent, counted) for row in rows.to_dict("records")],
        hovertemplate="%{hovertext}<extra></extra>",
        legendgroup=curve.name,
        meta={"role": "mean"},
    )


def _hover(row: Mapping[Any, Any], name: str, percent: bool, counted: str) -> str:
    def written(value: float) -> str:
        return f"{value:.1%}" if percent else number(value)

    interval = f"95 % interval [{written(row['low'])}, {written(row['high'])}]"
    return (
        f"<b>layer {int(row['layer'])}</b><br>{escape(name)}<br><b>{written(row['value'])}</b>  {interval}"
        f"  n = {int(row['n'])} {counted}"
    )
