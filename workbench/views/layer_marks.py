"""A recognition layer in a row of a figure: a mark, hollow at the right end for none, and its interval as a bar."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from workbench.views.text import layer_interval, layer_word, missing


def layer_marks(
    layer: object,
    low: object,
    high: object,
    n_layers: int,
    *,
    height: float,
    colour: str,
    symbol: str,
    hover: str,
    name: str = "",
    **shared: Any,
) -> list[go.Scatter]:
    """The bar, if there is an interval, and the mark.

    Args:
        layer: missing for none.
        low: lower end of the interval, missing if there is none.
        high: upper end.
        n_layers: where none is drawn.
        height: of the row.
        colour: of both.
        symbol: of the mark.
        hover: what the pointer shows, escaped.
        name: what the traces' `meta` calls the row.
        shared: further settings of both traces.
    """
    common = {"showlegend": False, "cliponaxis": False, **shared}
    traces = []
    if not missing(low) and not missing(high):
        bar = go.Scatter(
            x=[int(str(low)), int(str(high))],
            y=[height, height],
            mode="lines",
            line={"color": colour, "width": 6},
            opacity=0.35,
            hoverinfo="skip",
            meta={"role": "interval", "name": name},
            **common,
        )
        traces.append(bar)
    none = missing(layer)
    mark = go.Scatter(
        x=[n_layers if none else int(str(layer))],
        y=[height],
        mode="markers",
        marker={
            "color": colour,
            "size": 11,
            "symbol": symbol + ("-open" if none else ""),
            "line": {"width": 2 if none else 0, "color": colour},
        },
        hovertext=[hover],
        hovertemplate="%{hovertext}<extra></extra>",
        meta={"role": "layer", "name": name},
        **common,
    )
    return [*traces, mark]


def layer_numbers(layer: object, low: object, high: object, n_layers: int) -> str:
    """The layer in bold and its interval: `<b>5</b> [4, 6]`."""
    return f"<b>{layer_word(layer, n_layers)}</b> {layer_interval(low, high, n_layers)}".strip()
