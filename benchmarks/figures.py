"""The benchmark's figures: every ratio beside what it is to reach, the peers' times, and growth with depth."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from benchmarks.result import Bar
from workbench.views import theme
from workbench.views.text import escape, number

_ROW_HEIGHT = 52
_WIDTH = 46
"""Characters of a line beside the plot."""
_TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20]
_KINDS = {
    True: ("reached", theme.GREEN, "circle"),
    False: ("not reached", theme.VERMILLION, "x"),
    None: ("reported only", theme.GREY, "diamond"),
}


def written(value: float, unit: str) -> str:
    """A measured value with its unit."""
    return f"{value:.0%}" if unit == "share" else f"{number(value)}×"


def bars_figure(bars: Sequence[tuple[str, Bar]], machine: str) -> go.Figure:
    """Every measurement as a multiple of what it is to reach: right of one is better, whatever its unit."""
    drawn = [(row, bar) for row, bar in bars if bar.bar is not None and bar.value > 0]
    heights = list(range(len(drawn) - 1, -1, -1))
    figure = go.Figure()
    for kind, (name, colour, symbol) in _KINDS.items():
        of_kind = [(bar, height) for (_, bar), height in zip(drawn, heights, strict=True) if bar.reached is kind]
        if not of_kind:
            continue
        figure.add_trace(
            go.Scatter(
                x=[_share(bar) for bar, _ in of_kind],
                y=[height for _, height in of_kind],
                mode="markers",
                name=name,
                cliponaxis=False,
                marker={"color": colour, "size": 12, "symbol": symbol},
                hovertext=[
                    f"<b>{escape(bar.what)}</b><br>{escape(_words(bar))}<br>{escape(bar.note)}" for bar, _ in of_kind
                ],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    figure.add_vline(x=1, line={"color": theme.INK, "width": 1.5, "dash": "dash"})
    _lay_out(figure, "The fast sweep beside what it is to reach", machine, _ROW_HEIGHT * len(drawn))
    shares = [_share(bar) for _, bar in drawn] or [1.0]
    figure.update_layout(
        xaxis={
            "title": {"text": "measured as a multiple of what is to be reached (dashed: reached)"},
            "type": "log",
            "range": [_log(min([0.5, *shares]) / 1.5), _log(max([2.0, *shares]) * 1.5)],
            "tickvals": _TICKS,
            "ticktext": [f"{tick:g}×" for tick in _TICKS],
        },
        yaxis=_names([_name(bar) for _, bar in drawn], heights),
    )
    return figure


def times_figure(timings: pd.DataFrame, machine: str) -> go.Figure:
    """Seconds for one prompt by every peer that runs a whole sweep."""
    heights = list(range(len(timings) - 1, -1, -1))
    fast = timings["peer"].str.startswith("fast")
    figure = go.Figure()
    for name, which, colour in (("the fast sweep", fast, theme.BLUE), ("others", ~fast, theme.ORANGE)):
        rows = timings[which]
        figure.add_trace(
            go.Bar(
                x=list(rows["seconds_a_prompt"]),
                y=[height for height, chosen in zip(heights, which, strict=True) if chosen],
                orientation="h",
                width=0.6,
                name=name,
                marker={"color": colour},
                text=[f"{number(value)} s" for value in rows["seconds_a_prompt"]],
                textposition="outside",
                cliponaxis=False,
                hovertemplate="%{text}<extra></extra>",
            )
        )
    _lay_out(figure, "The same sweep, every peer", machine, 30 * len(timings))
    low, high = timings["seconds_a_prompt"].min(), timings["seconds_a_prompt"].max()
    figure.update_layout(
        xaxis={
            "title": {"text": "seconds for one prompt under all conditions (logarithmic)"},
            "type": "log",
            "range": [_log(low / 2), _log(high * 2)],
            "dtick": 1,
        },
        yaxis=_names(
            [f"{shape}: {peer}" for shape, peer in zip(timings["shape"], timings["peer"], strict=True)], heights
        ),
    )
    return figure


def growth_figure(timings: pd.DataFrame, machine: str) -> go.Figure:
    """Seconds to a recognition layer against depth, both axes logarithmic: a straight line is a power of depth."""
    figure = go.Figure()
    styles = (("full", theme.BLUE, "circle", 4.0), ("adaptive", theme.VERMILLION, "square", 2.8))
    for kind, colour, symbol, bar in styles:
        rows = timings[timings["peer"] == kind].sort_values("layers")
        depth, seconds = [int(each) for each in rows["layers"]], [float(each) for each in rows["median_seconds"]]
        bound = [seconds[0] * bar**step for step in range(len(seconds))]
        shared = {"x": depth, "legendgroup": kind}
        figure.add_trace(
            go.Scatter(
                y=seconds,
                mode="lines+markers+text",
                name=f"{kind} sweep",
                text=[f"{number(each)} s" for each in seconds],
                textposition="bottom right" if kind == "adaptive" else "top left",
                cliponaxis=False,
                line={"color": colour, "width": 2.6},
                marker={"size": 9, "symbol": symbol},
                hovertemplate="%{x} layers: %{y:.2f} s<extra></extra>",
                **shared,
            )
        )
        figure.add_trace(
            go.Scatter(
                y=bound,
                mode="lines",
                name=f"{bar:g}× a doubling: {kind}, at most",
                line={"color": colour, "width": 1.2, "dash": "dot"},
                hoverinfo="skip",
                **shared,
            )
        )
    _lay_out(figure, "Time to a recognition layer by depth", machine, 340)
    depths = sorted({int(each) for each in timings["layers"]})
    figure.update_layout(
        margin={"l": 76},
        xaxis={
            "title": {"text": "layers (mini made deeper by blocks that write nothing)"},
            "type": "log",
            "tickvals": depths,
            "ticktext": [str(depth) for depth in depths],
            "range": [_log(depths[0] * 0.85), _log(depths[-1] * 1.2)],
        },
        yaxis={"title": {"text": "seconds"}, "type": "log", "tickformat": "~g", "dtick": "D2"},
    )
    return figure


def _share(bar: Bar) -> float:
    assert bar.bar is not None
    return bar.bar / bar.value if bar.at_most else bar.value / bar.bar


def _words(bar: Bar) -> str:
    if bar.bar is None:
        return written(bar.value, bar.unit)
    return f"{written(bar.value, bar.unit)}, at {'most' if bar.at_most else 'least'} {written(bar.bar, bar.unit)}"


def _name(bar: Bar) -> str:
    """What it is held against, and below it the shape and the numbers."""
    what = "<br>".join(escape(line) for line in textwrap.wrap(bar.what, _WIDTH))
    return f"{what}<br><span style='font-size:11px'>{escape(bar.shape)}: {escape(_words(bar))}</span>"


def _names(names: Sequence[str], heights: Sequence[int]) -> dict[str, object]:
    return {
        "tickvals": list(heights),
        "ticktext": list(names),
        "range": [-0.7, len(names) - 0.3],
        "showgrid": False,
        "ticks": "",
        "tickfont": {"size": 12, "color": theme.INK},
    }


def _lay_out(figure: go.Figure, title: str, machine: str, plot: int) -> None:
    top, bottom = 96, 100
    figure.update_layout(
        template="workbench",
        title={
            "text": title,
            "subtitle": {"text": "<br>".join(escape(line) for line in machine.splitlines())},
            # Long names stand beside the plot, and the title above them.
            **{"x": 0.02, "xref": "container"},
        },
        height=top + plot + bottom,
        margin={"t": top, "b": bottom, "l": 68, "r": 40},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 0, "yref": "container", "yanchor": "bottom"},
    )


def _log(value: float) -> float:
    return math.log10(value)
