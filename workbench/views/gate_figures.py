"""Figures of gates on attention heads: maps of them, scores by penalty, and how their training went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from workbench.views import theme
from workbench.views.curves import LEGEND_ROW, layer_ticks
from workbench.views.gate_trainings import Trained
from workbench.views.text import escape, number, plural, score_label, score_name

_COLOURS = (theme.BLUE, theme.VERMILLION, theme.GREEN, theme.PURPLE)
_SYMBOLS = ("circle", "square", "diamond", "triangle-up")
_OFF_COLOURS = (theme.SKY, theme.ORANGE)
_LEGEND = {
    **{"x": 0, "xanchor": "left", "y": 0, "yref": "container", "yanchor": "bottom"},
    **{"orientation": "v", "tracegroupgap": 0},
}


def gate_maps(trained: Sequence[Trained]) -> go.Figure:
    """Gates by layer (vertical) and head (horizontal), a map for each penalty."""
    first = trained[0]
    figure = make_subplots(
        cols=len(trained),
        subplot_titles=[f"λ = {each.penalty}<br>{each.off} off ({each.share_off:.0%})" for each in trained],
        shared_yaxes=True,
        horizontal_spacing=0.03,
    )
    for column, each in enumerate(trained, 1):
        wide = each.gates.pivot_table(index="layer", columns="head", values="gate").sort_index()
        figure.add_trace(
            go.Heatmap(
                z=wide.to_numpy().tolist(),
                x=[int(head) for head in wide.columns],
                y=[int(layer) for layer in wide.index],
                zmin=0,
                zmax=1,
                coloraxis="coloraxis",
                xgap=1,
                ygap=1,
                hovertemplate="layer %{y}, head %{x}<br>gate %{z:.3f}<extra></extra>",
                meta={"role": "cells"},
            ),
            row=1,
            col=column,
        )
    ticks = [tick for tick in layer_ticks(first.n_layers) if tick < first.n_layers]
    figure.update_xaxes(title={"text": "head"}, showgrid=False, tickvals=[0, first.n_heads - 1])
    figure.update_yaxes(showgrid=False, tickvals=ticks)
    figure.update_yaxes(title={"text": "layer (from 0)"}, col=1)
    asked = f"{first.model} · trained on prompts with {plural(first.examples, 'example')} · seed {first.seed}"
    figure.update_layout(
        template="workbench",
        title={"text": escape(f"{first.task}: gates of the attention heads"), "subtitle": {"text": escape(asked)}},
        height=210 + max(200, 24 * first.n_layers),
        margin={"t": 124, "b": 64, "l": 64, "r": 32},
        coloraxis={"cmin": 0, "cmax": 1, "colorbar": {"title": {"text": "gate"}, "thickness": 12, "outlinewidth": 0}},
    )
    figure.update_annotations(font={"size": 13})
    return figure


def score_figure(trained: Sequence[Trained], tested: str, score: str) -> go.Figure:
    """Scores by penalty, a line for each number of examples in training and in the test; below, the heads off."""
    penalties = sorted({each.penalty for each in trained}, key=float)
    rows = _changes(trained, tested, score)
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.07)
    lines = rows.groupby(["training_examples", "examples", "seed"], sort=False)
    for place, (asked, own) in enumerate(lines):
        training, examples, seed = (int(str(each)) for each in asked)
        name = f"tested with {plural(examples, 'example')}, trained with {plural(training, 'example')}"
        name += f", seed {seed}" if rows["seed"].nunique() > 1 else ""
        colour = _COLOURS[place % len(_COLOURS)]
        ordered = own.assign(at=own["penalty"].astype(float)).sort_values("at")
        figure.add_trace(_score_line(ordered, name, colour, _SYMBOLS[place % len(_SYMBOLS)]), row=1, col=1)
    for shown_in_test, own in rows.groupby("examples", sort=False):
        name = f"without gates, tested with {plural(int(str(shown_in_test)), 'example')}"
        clean = [float(own["clean"].iloc[0])] * len(penalties)
        line = {"color": theme.INK if shown_in_test else theme.GREY, "width": 1.6, "dash": "dot"}
        figure.add_trace(go.Scatter(x=penalties, y=clean, mode="lines", name=name, line=line), row=1, col=1)
    for place, shown in enumerate(dict.fromkeys(each.examples for each in trained)):
        own_trained = [each for each in trained if each.examples == shown]
        figure.add_trace(_off_bars(own_trained, shown, _OFF_COLOURS[place % 2]), row=2, col=1)
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=penalties)
    figure.update_xaxes(title={"text": "weight of the penalty, λ (nats per token and open head)"}, row=2, col=1)
    figure.update_yaxes(title={"text": score_label(score)}, rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title={"text": "heads off"}, tickformat=".0%", range=[0, 1], row=2, col=1)
    first = trained[0]
    bars = f"bars: 95 % interval of the difference from no gates, n = {rows['n'].iloc[0]}"
    told = f"{first.model} · gates trained on {first.task} · {bars}"
    entries = len(lines) + rows["examples"].nunique() + len({each.examples for each in trained})
    figure.update_layout(
        template="workbench",
        title={"text": escape(f"{tested}: {score_name(score)} with gated heads"), "subtitle": {"text": escape(told)}},
        height=82 + 420 + 80 + LEGEND_ROW * entries,
        margin={"t": 82, "b": 80 + LEGEND_ROW * entries, "l": 76, "r": 32},
        legend=_LEGEND,
        barmode="group",
    )
    return figure


def _changes(trained: Sequence[Trained], tested: str, score: str) -> pd.DataFrame:
    """The effects of all trainings on one score of one task."""
    rows = pd.concat(
        each.effects.assign(training_examples=each.examples, penalty=each.penalty, seed=each.seed) for each in trained
    )
    return rows[(rows["task"] == tested) & (rows["score"] == score)]


def _score_line(rows: pd.DataFrame, name: str, colour: str, symbol: str) -> go.Scatter:
    texts = [
        f"λ = {row['penalty']}<br>{number(row['value'])}<br>difference {interval(row)}"
        for row in rows.to_dict("records")
    ]
    return go.Scatter(
        x=list(rows["penalty"]),
        y=[float(value) for value in rows["value"]],
        # The interval is that of the difference, drawn around the score.
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [float(value) for value in rows["high"] - rows["effect"]],
            "arrayminus": [float(value) for value in rows["effect"] - rows["low"]],
            "color": colour,
            "thickness": 1.4,
        },
        mode="lines+markers",
        name=name,
        line={"color": colour, "width": 2.4},
        marker={"color": colour, "size": 8, "symbol": symbol},
        hovertext=texts,
        hovertemplate="%{hovertext}<extra></extra>",
        meta={"role": "mean"},
    )


def _off_bars(trained: Sequence[Trained], examples: int, colour: str) -> go.Bar:
    """The mean over seeds of the share of heads off."""
    shares = pd.DataFrame({"penalty": each.penalty, "share": each.share_off} for each in trained)
    mean = shares.groupby("penalty")["share"].mean()
    return go.Bar(
        x=list(mean.index),
        y=[float(value) for value in mean],
        name=f"heads off, trained with {plural(examples, 'example')}",
        marker={"color": colour},
        hovertemplate="λ = %{x}<br>%{y:.1%} of the heads off<extra></extra>",
        meta={"role": "off"},
    )


def loss_figure(trained: Sequence[Trained]) -> go.Figure:
    """The validation loss by step, and how many heads are off, a line for each training."""
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.6, 0.4], vertical_spacing=0.07)
    penalties = sorted({each.penalty for each in trained}, key=float)
    kinds = list(dict.fromkeys((each.examples, each.seed) for each in trained))
    for each in trained:
        rows = each.evaluations
        colour = theme.CYCLE[penalties.index(each.penalty) % len(theme.CYCLE)]
        dash = theme.LINE_DASHES[kinds.index((each.examples, each.seed)) % len(theme.LINE_DASHES)]
        name = each.name + (f", seed {each.seed}" if len({other.seed for other in trained}) > 1 else "")
        style = {"mode": "lines", "line": {"color": colour, "width": 2, "dash": dash}, "legendgroup": name}
        steps = [int(step) for step in rows["step"]]
        figure.add_trace(go.Scatter(x=steps, y=rows["validation_loss"].tolist(), name=name, **style), row=1, col=1)
        off = [int(count) for count in rows["off"]]
        figure.add_trace(go.Scatter(x=steps, y=off, name=name, showlegend=False, **style), row=2, col=1)
        kept = rows[rows["kept"] == 1]
        ring = {"color": colour, "size": 11, "symbol": "circle-open", "line": {"width": 2}}
        at = {"x": kept["step"].tolist(), "y": kept["validation_loss"].tolist()}
        figure.add_trace(
            go.Scatter(**at, mode="markers", marker=ring, showlegend=False, hoverinfo="skip"), row=1, col=1
        )
    figure.update_xaxes(title={"text": "training step"}, row=2, col=1)
    figure.update_yaxes(title={"text": "validation loss<br>(nats per token)"}, type="log", dtick=1, row=1, col=1)
    figure.update_yaxes(title={"text": f"heads off, of {trained[0].n_layers * trained[0].n_heads}"}, row=2, col=1)
    first = trained[0]
    told = f"{first.model} · colours: weight of the penalty · dashes: examples in training"
    figure.update_layout(
        template="workbench",
        title={"text": escape(f"{first.task}: training the gates"), "subtitle": {"text": escape(told)}},
        height=82 + 400 + 80 + LEGEND_ROW * len(trained),
        margin={"t": 82, "b": 80 + LEGEND_ROW * len(trained), "l": 76, "r": 32},
        legend=_LEGEND,
    )
    return figure


def interval(row: Any) -> str:
    """A difference with its interval."""
    return f"{number(row['effect'])} [{number(row['low'])}, {number(row['high'])}]"
