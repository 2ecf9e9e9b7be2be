"""Several heat maps on one scale of colours, side by side: layers by heads, layers by places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from workbench.views import theme
from workbench.views.curves import layer_ticks
from workbench.views.text import escape

_ABOVE, _BELOW, _BETWEEN = 106, 70, 66
"""Pixels above the first row of panels, below the last, and between two."""
_ROW, _LEAST, _MOST = 24, 150, 480
_WRITTEN = 10
"""Up to so many columns in a row of panels, numbers stand in the cells."""


@dataclass(frozen=True)
class Panel:
    """One heat map."""

    name: str
    """Stands above it; may be empty."""
    rows: pd.DataFrame
    """Columns `x`, `y` (whole numbers from 0), `value`, `hover` (escaped), and `marked` if some cells stand out: by a
    dot, or where numbers stand in the cells by a bold one."""


@dataclass(frozen=True)
class Scale:
    """What the colours say."""

    title: str
    low: float
    high: float
    percent: bool = False

    @classmethod
    def around_zero(cls, title: str, panels: Sequence[Panel]) -> Scale:
        """As far below zero as above it, wide enough for every value."""
        largest = max((float(panel.rows["value"].abs().max()) for panel in panels), default=0.0) or 1.0
        return cls(title, -largest, largest)


def panel_figure(
    panels: Sequence[Panel],
    scale: Scale,
    *,
    title: str,
    subtitle: str,
    layers: int,
    x_title: str,
    x_labels: Sequence[str] | None = None,
    columns: int = 4,
) -> go.Figure:
    """The panels in rows of up to `columns`; layers stand on the vertical axes.

    Args:
        panels: in the order of reading.
        scale: of the colours of all of them.
        title: escaped here, as all words but the subtitle are.
        subtitle: how it was made.
        layers: number of layers.
        x_title: what the columns of a panel are.
        x_labels: their names; by default their numbers.
        columns: panels side by side.
    """
    columns = min(columns, len(panels))
    lines = ceil(len(panels) / columns)
    each = max(_LEAST, min(_MOST, _ROW * layers))
    height = _ABOVE + _BELOW + lines * each + (lines - 1) * _BETWEEN
    figure = make_subplots(
        rows=lines,
        cols=columns,
        horizontal_spacing=0.05 if columns > 2 else 0.08,
        vertical_spacing=_BETWEEN / (height - _ABOVE - _BELOW) if lines > 1 else 0,
        subplot_titles=[escape(panel.name) for panel in panels],
    )
    wide = int(max(panel.rows["x"].max() for panel in panels)) + 1
    written = wide * columns <= _WRITTEN
    for number, panel in enumerate(panels):
        place = {"row": number // columns + 1, "col": number % columns + 1}
        figure.add_trace(_cells(panel, scale, written), **place)
        if not written and "marked" in panel.rows and panel.rows["marked"].any():
            figure.add_trace(_dots(panel), **place)
    figure.update_annotations(font={"size": 13, "color": theme.INK})
    figure.update_layout(
        template="workbench",
        title={"text": escape(title), "subtitle": {"text": subtitle}},
        height=height,
        margin={"t": _ABOVE, "b": _BELOW, "l": 64, "r": 24},
        showlegend=False,
        coloraxis={
            "cmin": scale.low,
            "cmax": scale.high,
            "autocolorscale": True,
            "colorbar": {
                "title": {"text": escape(scale.title), "side": "right", "font": {"size": 12}},
                "tickfont": {"size": 11},
                "thickness": 12,
                "outlinewidth": 0,
                **({"tickformat": ".0%"} if scale.percent else {}),
            },
        },
    )
    _axes(figure, len(panels), columns, layers, wide, x_title, x_labels)
    return figure


def _cells(panel: Panel, scale: Scale, written: bool) -> go.Heatmap:
    def grid(column: str) -> pd.DataFrame:
        wide = rows.pivot_table(index="y", columns="x", values=column, aggfunc="first", dropna=False)
        return wide.sort_index()

    rows = panel.rows.assign(text=[_text(row, scale) for row in panel.rows.to_dict("records")])
    values = grid("value")
    return go.Heatmap(
        z=values.to_numpy().tolist(),
        x=[int(x) for x in values.columns],
        y=[int(y) for y in values.index],
        hovertext=grid("hover").to_numpy().tolist(),
        hovertemplate="%{hovertext}<extra></extra>",
        text=grid("text").to_numpy().tolist() if written else None,
        texttemplate="%{text}" if written else None,
        textfont={"size": 12},
        coloraxis="coloraxis",
        xgap=1,
        ygap=1,
        meta={"role": "cells", "panel": panel.name},
    )


def _text(row: dict[Any, Any], scale: Scale) -> str:
    # Adding zero turns what is rounded to minus zero into zero.
    text = f"{row['value']:.0%}" if scale.percent else f"{round(row['value'], 2) + 0.0:.2f}".replace("-", "−")
    return f"<b>{text}</b>" if row.get("marked") else text


def _dots(panel: Panel) -> go.Scatter:
    marked = panel.rows[panel.rows["marked"]]
    return go.Scatter(
        x=marked["x"].tolist(),
        y=marked["y"].tolist(),
        mode="markers",
        marker={"color": theme.INK, "size": 4},
        hoverinfo="skip",
        showlegend=False,
        meta={"role": "marks", "panel": panel.name},
    )


def _axes(
    figure: go.Figure,
    panels: int,
    columns: int,
    layers: int,
    wide: int,
    x_title: str,
    x_labels: Sequence[str] | None,
) -> None:
    ticks = [tick for tick in layer_ticks(layers) if tick < layers]
    across = [tick for tick in layer_ticks(wide) if tick < wide] if x_labels is None else list(range(wide))
    labels = [str(tick) for tick in across] if x_labels is None else [escape(label) for label in x_labels]
    plain: dict[str, Any] = {"showgrid": False, "showline": False, "ticks": "", "tickmode": "array"}
    figure.update_xaxes(**plain, tickvals=across, ticktext=labels, tickfont={"size": 11})
    figure.update_yaxes(**plain, tickvals=ticks, tickfont={"size": 11})
    for number in range(panels):
        place = {"row": number // columns + 1, "col": number % columns + 1}
        if number % columns == 0:
            figure.update_yaxes(title={"text": "layer (from 0)"}, **place)
        # The last panel of each column says what the columns are.
        if number + columns >= panels:
            figure.update_xaxes(title={"text": escape(x_title)}, **place)
