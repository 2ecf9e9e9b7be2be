"""The recognition layers of every task at a glance: a mark with its 95 % interval for each, and its number beside it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from workbench.errors import UserError
from workbench.views import theme
from workbench.views.comparison import Compared, compared, prompt_words, style_key
from workbench.views.curves import layer_ticks, subtitle
from workbench.views.hover import recognition_text
from workbench.views.marks import recognised
from workbench.views.series import POOLED, Series
from workbench.views.text import escape, layer_interval, mask_label, missing, score_name

ROW_HEIGHT = 24
BLOCK_GAP = 0.5
"""Between tasks, in rows."""


def recognition_figure(
    curves: pd.DataFrame, recognition: pd.DataFrame, *, scores: Sequence[tuple[str, str]] | None = None
) -> go.Figure:
    """Every recognition layer with its 95 % interval, one row per task and series, single seeds as small ticks.

    A hollow mark at the right end stands for none. UserError if the table is empty.
    """
    everything = compared(curves, recognition, scores)
    if not everything:
        raise UserError("no recognition layers to draw: the table is empty")
    figure = go.Figure()
    rows = _heights(everything)
    named: set[str] = set()
    for entry, row in zip(everything, rows, strict=True):
        figure.add_traces(_forest_row(entry, row, recognition, named))
    _lay_out_forest(figure, everything, rows)
    return figure


def _heights(everything: Sequence[Compared]) -> list[float]:
    """A height for every row, the first at the top, with a gap between tasks."""
    heights, height = [], 0.0
    for before, entry in zip([None, *everything], everything, strict=False):
        height -= 0 if before is None else 1 if style_key(before) == style_key(entry) else 1 + BLOCK_GAP
        heights.append(height)
    return heights


def _forest_row(entry: Compared, row: float, recognition: pd.DataFrame, named: set[str]) -> list[go.Scatter]:
    series, found = entry.series, entry.series.recognition
    shared = {"legendgroup": series.mask, "showlegend": False}
    colour = theme.mask_colour(series.mask)
    layer = recognised(series)
    traces = []
    if found is not None and not missing(found["low"]) and not missing(found["high"]):
        ends = [float(found["low"]), float(found["high"])]
        line = {"color": colour, "width": 5}
        traces.append(
            go.Scatter(
                x=ends,
                y=[row, row],
                mode="lines",
                line=line,
                opacity=0.4,
                hoverinfo="skip",
                meta={"role": "interval", "panel": escape(entry.task)},
                **shared,
            )
        )
    traces += _seed_ticks(entry, row, recognition, colour, shared)
    mark = go.Scatter(
        x=[series.n_layers if layer is None else layer],
        y=[row],
        mode="markers",
        cliponaxis=False,
        name=escape(mask_label(series.mask)),
        marker={
            "color": colour,
            "size": 13,
            "symbol": theme.mask_symbol(series.mask) + ("-open" if layer is None else ""),
            "line": {"width": 2 if layer is None else 0, "color": colour},
        },
        hovertext=[f"<b>{escape(entry.task)}</b><br>{recognition_text(series, score_name(entry.score))}"],
        hovertemplate="%{hovertext}<extra></extra>",
        legendgroup=series.mask,
        showlegend=series.mask not in named,
        meta={"role": "layer", "panel": escape(entry.task)},
    )
    named.add(series.mask)
    return [*traces, mark]


def _seed_ticks(entry: Compared, row: float, recognition: pd.DataFrame, colour: str, shared: dict) -> list[go.Scatter]:
    rows = recognition[(recognition["task"] == entry.task) & (recognition["score"] == entry.score)]
    for column in ("model", "format", "examples", "mask"):
        rows = rows[rows[column] == getattr(entry.series, column)]
    rows = rows[(rows["seed"].astype(str) != POOLED) & rows["layer"].notna()]
    if rows.empty:
        return []
    ticks = go.Scatter(
        x=[float(layer) for layer in rows["layer"]],
        y=[row - 0.28] * len(rows),
        mode="markers",
        marker={"symbol": "line-ns-open", "size": 7, "color": colour, "line": {"width": 1.5, "color": colour}},
        hovertext=[
            f"seed {escape(str(seed))}: layer {layer}" for seed, layer in zip(rows["seed"], rows["layer"], strict=True)
        ],
        hovertemplate="%{hovertext}<extra></extra>",
        meta={"role": "seed", "panel": escape(entry.task)},
        **shared,
    )
    return [ticks]


def _lay_out_forest(figure: go.Figure, everything: Sequence[Compared], rows: Sequence[float]) -> None:
    all_series = [entry.series for entry in everything]
    depth = max(series.n_layers for series in all_series)
    masks = len({series.mask for series in all_series})
    top, bottom = 96, 96 + 20 * masks
    plot = round(ROW_HEIGHT * (1.4 - rows[-1]))
    height = top + plot + bottom
    ticks = layer_ticks(depth)
    same = len({series.n_layers for series in all_series}) == 1
    none = f"{depth} = none" if same else "hollow = none"
    figure.update_layout(
        template="workbench",
        title={"text": "Recognition layers", "subtitle": {"text": _forest_subtitle(all_series)}},
        height=height,
        margin={"t": top, "b": bottom, "l": 68, "r": 96},
        hovermode="closest",
        legend={"x": 0, "xanchor": "left", "y": 0, "yref": "container", "yanchor": "bottom", "tracegroupgap": 0},
        xaxis={
            "range": [-0.03 * depth, 1.03 * depth],
            "tickmode": "array",
            "tickvals": ticks,
            "ticktext": [str(tick) for tick in ticks],
            "title": {"text": f"task-recognition layer (from 0; {none})"},
        },
        yaxis={
            "tickvals": _middles(everything, rows)[0],
            "ticktext": _middles(everything, rows)[1],
            "range": [rows[-1] - 0.7, 0.7],
            "showgrid": False,
            "ticks": "",
            "tickfont": {"size": 13, "color": theme.INK},
        },
    )
    _layer_labels(figure, everything, rows)


def _forest_subtitle(all_series: Sequence[Series]) -> str:
    first, second = subtitle(all_series).split("<br>")
    return f"{first}<br>{second.replace('band: ', 'bar: ')}; small ticks: single seeds"


def _middles(everything: Sequence[Compared], rows: Sequence[float]) -> tuple[list[float], list[str]]:
    """One label per block of rows of the same task and prompt, at its middle."""
    prompts = list(dict.fromkeys(style_key(entry)[1:] for entry in everything))
    blocks: dict[tuple, list[float]] = {}
    for entry, row in zip(everything, rows, strict=True):
        blocks.setdefault(style_key(entry), []).append(row)
    labels = [", ".join([escape(key[0]), *prompt_words(key[1:], prompts)]) for key in blocks]
    return [sum(block) / len(block) for block in blocks.values()], labels


def _layer_labels(figure: go.Figure, everything: Sequence[Compared], rows: Sequence[float]) -> None:
    """The numbers themselves, in the right margin."""
    for entry, row in zip(everything, rows, strict=True):
        layer, found = recognised(entry.series), entry.series.recognition
        interval = "" if found is None else layer_interval(found["low"], found["high"], entry.series.n_layers)
        text = "none" if layer is None else f"<b>{layer}</b> {interval}"
        figure.add_annotation(
            text=text,
            x=1,
            xref="paper",
            xanchor="left",
            xshift=10,
            y=row,
            yref="y",
            font={"size": 13, "color": theme.mask_colour(entry.series.mask)},
        )
