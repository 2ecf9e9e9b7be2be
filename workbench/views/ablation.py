"""Effects of ablations: layer by head as a heat map, layer by layer as a curve, and in words."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from workbench.views import theme
from workbench.views.curves import file_name, layer_ticks
from workbench.views.layer_curves import LayerCurve, layer_figure
from workbench.views.layer_profiles import PROFILE_COLUMNS
from workbench.views.report import Picture, Table
from workbench.views.text import SCORE_LABELS, escape, number, score_name

SIGNIFICANT = 0.05
"""Corrected p below which an effect is called one."""
PROFILED = "log_probability"
_NAMED = 5
_WAYS = {"zero": "removed", "mean": "set to its mean over other prompts", "resample": "set to another prompt's output"}
_PLACES = {
    "all": "everywhere",
    "query": "at the query",
    "completion": "at generated tokens",
    "answering": "at the query and generated tokens",
    "answer": "at the prompt's last token",
}
_SERIES = ["model", "n_layers", "task", "format", "examples", "unit", "how", "positions", "score"]


def pictures(effects: pd.DataFrame) -> list[Picture]:
    """A picture for every task and score: a heat map of heads, a curve of sub-layers; none for sets of heads."""
    drawn = []
    for names, rows in effects[effects["layer"] >= 0].groupby(_SERIES, sort=False):
        series = dict(zip(_SERIES, names, strict=True))
        figure = head_map(rows, series) if (rows["head"] >= 0).all() else layer_curve(rows, series)
        name = file_name(f"{series['task']}.{series['unit']}.{series['score']}")
        drawn.append(Picture(name, figure, _CAPTION, str(series["task"])))
    return drawn


_CAPTION = "Effect of each ablation alone; a dot marks one that differs from none, corrected for their number."


def head_map(rows: pd.DataFrame, series: dict[str, object]) -> go.Figure:
    """Effects by layer (vertical) and head (horizontal), zero in the middle of the colours."""
    wide = rows.pivot_table(index="layer", columns="head", values="effect").sort_index()
    hover = rows.assign(text=[_hover(row) for row in rows.to_dict("records")])
    texts = hover.pivot_table(index="layer", columns="head", values="text", aggfunc="first").sort_index()
    largest = float(rows["effect"].abs().max()) or 1.0
    heads = [int(head) for head in wide.columns]
    figure = go.Figure(
        go.Heatmap(
            z=wide.to_numpy().tolist(),
            x=heads,
            y=[int(layer) for layer in wide.index],
            zmin=-largest,
            zmax=largest,
            autocolorscale=True,
            xgap=2,
            ygap=2,
            hovertext=texts.to_numpy().tolist(),
            hovertemplate="%{hovertext}<extra></extra>",
            colorbar={
                **{"title": {"text": "effect", "side": "right"}, "thickness": 12, "outlinewidth": 0},
                "len": 1,
            },
            meta={"role": "cells"},
        )
    )
    marked = rows[rows["p"] < SIGNIFICANT]
    figure.add_trace(
        go.Scatter(
            x=marked["head"].tolist(),
            y=marked["layer"].tolist(),
            mode="markers",
            marker={"color": theme.INK, "size": 5},
            hoverinfo="skip",
            showlegend=False,
            meta={"role": "marks"},
        )
    )
    layers = int(str(series["n_layers"]))
    ticks = [tick for tick in layer_ticks(layers) if tick < layers]
    what = "key/value head" if series["unit"] == "key-value-head" else "head"
    figure.update_layout(
        template="workbench",
        title={"text": escape(_title(series)), "subtitle": {"text": _subtitle(series, rows)}},
        height=170 + max(220, 30 * layers),
        margin={"t": 102, "b": 64, "l": 64, "r": 32},
        xaxis={"title": {"text": f"{what} (from 0)"}, "tickmode": "array", "tickvals": heads, "showgrid": False},
        yaxis={
            **{"title": {"text": "layer (from 0)"}, "tickmode": "array", "tickvals": ticks},
            "showgrid": False,
        },
    )
    return figure


def layer_curve(rows: pd.DataFrame, series: dict[str, object]) -> go.Figure:
    """Effects of sub-layers, layer by layer."""
    points = rows.assign(value=rows["effect"])
    return layer_figure(
        [LayerCurve(f"{series['unit']} sub-layer removed", points, theme.BLUE)],
        title=_title(series),
        subtitle=_subtitle(series, rows),
        layers=int(str(series["n_layers"])) - 1,
        layer_title="layer (from 0)",
        value_title=f"effect on {score_name(str(series['score']))}",
    )


def effect_table(effects: pd.DataFrame) -> Table:
    """Every effect, the largest losses first."""
    rows = effects.sort_values(["task", "score", "effect"])
    readable = pd.DataFrame(
        {
            "Task": rows["task"],
            "Ablated": rows["condition"],
            "Score": [score_name(str(name)) for name in rows["score"]],
            "Without ablation": rows["clean"].round(4),
            "With it": rows["value"].round(4),
            "Effect": rows["effect"].round(4),
            "95 % interval": [
                f"{number(low)} to {number(high)}" for low, high in zip(rows["low"], rows["high"], strict=True)
            ],
            "p (corrected)": rows["p"].round(4),
            "n": rows["n"],
        }
    )
    return Table("Effects", readable, "Sign-flip test over prompts, corrected for all ablations of a task together.")


def findings(effects: pd.DataFrame) -> list[str]:
    """A sentence for each task: what its log-probability (or first score) needs most."""
    said = []
    for (model, task), of_task in effects.groupby(["model", "task"], sort=False):
        scores = list(dict.fromkeys(of_task["score"]))
        score = PROFILED if PROFILED in scores else scores[0]
        rows = of_task[of_task["score"] == score].sort_values("effect")
        needed = rows[(rows["effect"] < 0) & (rows["p"] < SIGNIFICANT)]
        named = ", ".join(
            f"{row['condition']} ({number(row['effect'])})" for row in needed.head(_NAMED).to_dict("records")
        )
        unit = str(rows["unit"].iloc[0]).replace("key-value", "key/value") + "s"
        count = f"{len(needed)} of {len(rows)} {unit} lower the {score_name(score)} when ablated alone"
        said.append(f"{model}, {task}: {count}" + (f"; most: {named}." if named else "."))
    return said


def ablation_profile(effects: pd.DataFrame) -> pd.DataFrame:
    """What the ablations of each layer take from the reference's log-probability, summed over its heads."""
    rows = effects[(effects["layer"] >= 0) & (effects["score"] == PROFILED)]
    if rows.empty:
        return pd.DataFrame(columns=list(PROFILE_COLUMNS))
    lost = rows.assign(value=-rows["effect"])
    summed = lost.groupby(["model", "task", "layer", "unit"], sort=False)["value"].sum().reset_index()
    units = summed["unit"].str.replace("key-value-head", "key/value head")
    summed["quantity"] = "lost when each " + units + " is ablated, summed (nats per token)"
    return summed.assign(low=float("nan"), high=float("nan"))[list(PROFILE_COLUMNS)]


def _title(series: dict[str, object]) -> str:
    what = {"head": "Heads", "key-value-head": "Key/value heads"}.get(str(series["unit"]), "Sub-layers")
    return f"{what} ablated one by one: effect on {score_name(str(series['score']))}, {series['task']}"


def _subtitle(series: dict[str, object], rows: pd.DataFrame) -> str:
    how = f"{_WAYS[str(series['how'])]} {_PLACES[str(series['positions'])]}"
    clean = number(float(rows["clean"].iloc[0]))
    unit = SCORE_LABELS.get(str(series["score"]), "")
    asked = f"{series['model']} · {series['format']}, {series['examples']} examples · {how}"
    measured = f"without ablation {clean}, {unit} · n = {int(rows['n'].iloc[0])} · dots: p < {SIGNIFICANT}, corrected"
    return f"{escape(asked)}<br>{escape(measured)}"


def _hover(row: dict[Any, Any]) -> str:
    lines = [
        f"<b>{escape(str(row['condition']))}</b>",
        f"effect {number(row['effect'])} [{number(row['low'])}, {number(row['high'])}]",
        f"{number(row['clean'])} → {number(row['value'])}",
        f"p (corrected) {number(row['p'])}, n = {row['n']}",
    ]
    return "<br>".join(lines)
