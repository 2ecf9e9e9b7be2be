"""Recognition layers against the number of examples in the prompt, and the curves behind them."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import plotly.graph_objects as go

from workbench.statistics.curves import Summary
from workbench.views import theme
from workbench.views.curves import LEGEND_ROW, PLOT_HEIGHT, file_name, layer_ticks, subtitle
from workbench.views.findings import hidden
from workbench.views.many_curves import Level, many_curves_figure
from workbench.views.report import Picture, Table
from workbench.views.series import POOLED, Series, main_rows, series_of
from workbench.views.tables import recognition_table, without_constants
from workbench.views.text import escape, layer_interval, layer_word, missing, plural, score_label, score_name

_CURVES = "Score when the context is hidden from each layer on; below, where the task is recognised."
_LAYERS = (
    "Task-recognition layers with their 95 % intervals; small ticks are single seeds, hollow marks stand for none. Within an "
    "interval two numbers of examples cannot be told apart."
)


def pictures(summary: Summary, texts: pd.DataFrame | None = None) -> list[Picture]:
    """The layers by each task's own score, by log-probability, then the curves of every task and score."""
    recognition = summary.recognition[summary.recognition["examples"] > 0]
    main = main_rows(recognition)
    found = [Picture("layer-by-examples", layers_figure(main), _LAYERS, "Layers")]
    smooth = recognition[recognition["score"] == "log_probability"]
    if len(smooth):
        found.append(Picture("layer-by-examples.log_probability", layers_figure(smooth), _LAYERS, "Layers"))
    several = summary.curves["model"].nunique() > 1
    own = set(zip(main["task"], main["score"], strict=True))
    for (model, task, score), rows in summary.curves.groupby(["model", "task", "score"], sort=False):
        of_curves = recognition[(recognition["model"] == model) & (recognition["task"] == task)]
        shown = None if texts is None else texts[(texts["model"] == model) & (texts["task"] == task)]
        figure = curves_figure(rows, of_curves[of_curves["score"] == score], shown)
        name = file_name(f"{model}.{task}.{score}" if several else f"{task}.{score}")
        found.append(Picture(name, figure, _CURVES, "Curves" if (task, score) in own else "Other scores"))
    order = ("Layers", "Curves", "Other scores")
    return sorted(found, key=lambda picture: order.index(picture.section))


def curves_figure(curves: pd.DataFrame, recognition: pd.DataFrame, texts: pd.DataFrame | None = None) -> go.Figure:
    """The curves of one model, task and score, a colour for each number of examples, few faint and many strong."""
    shown = curves[curves["examples"] > 0]
    drawn = sorted(series_of(shown, recognition), key=lambda series: series.examples)
    colours = theme.ordered(len(drawn))
    drawn = [_styled(series, colour, place) for place, (series, colour) in enumerate(zip(drawn, colours, strict=True))]
    task, score = str(curves["task"].iloc[0]), str(curves["score"].iloc[0])
    without = curves[(curves["examples"] == 0) & (curves["seed"] == POOLED)]
    most = drawn[-1]
    levels = [Level(f"{most.name}, nothing hidden", most.ceiling, most.colour)]
    levels += [Level("no examples", float(value), dash="2px,4px") for value in without["value"].iloc[:1]]
    return many_curves_figure(
        drawn,
        title=task,
        subtitle=subtitle(drawn),
        score=score,
        value_title=score_label(score),
        levels=levels,
        texts=texts,
    )


def _styled(series: Series, colour: str, place: int) -> Series:
    symbol = theme.SYMBOLS[place % len(theme.SYMBOLS)]
    return replace(series, name=plural(series.examples, "example"), colour=colour, symbol=symbol, dash="solid")


def layers_figure(recognition: pd.DataFrame) -> go.Figure:
    """The recognition layer of every task against the number of examples, each with its interval."""
    pooled = recognition[recognition["seed"].astype(str) == POOLED]
    groups = list(pooled.groupby(["model", "task", "score"], sort=False))
    figure = go.Figure()
    for place, ((model, task, score), rows) in enumerate(groups):
        seeds = recognition[(recognition["model"] == model) & (recognition["task"] == task)]
        seeds = seeds[seeds["seed"].astype(str) != POOLED]
        name = f"{model}, {task}" if pooled["model"].nunique() > 1 else str(task)
        shift = 0.16 * (place - (len(groups) - 1) / 2)
        label = f"{escape(name)} ({escape(score_name(str(score)))})"
        figure.add_traces(_layer_traces(rows.sort_values("examples"), seeds, label, place, shift))
    _lay_out_layers(figure, pooled)
    return figure


def _layer_traces(rows: pd.DataFrame, seeds: pd.DataFrame, name: str, place: int, shift: float) -> list[go.Scatter]:
    colour, symbol = theme.OTHERS[place % len(theme.OTHERS)], theme.SYMBOLS[place % len(theme.SYMBOLS)]
    places = [_height(row) for _, row in rows.iterrows()]
    none = [missing(layer) for layer in rows["layer"]]
    ends = [
        (0.0, 0.0) if missing(row["low"]) else (float(row["high"]) - height, height - float(row["low"]))
        for (_, row), height in zip(rows.iterrows(), places, strict=True)
    ]
    line = go.Scatter(
        x=[float(examples) + shift for examples in rows["examples"]],
        y=places,
        mode="lines+markers",
        name=name,
        line={"color": colour, "width": 1.5, "dash": "2px,3px"},
        marker={
            "color": colour,
            "size": 11,
            "symbol": [symbol + ("-open" if hollow else "") for hollow in none],
            "line": {"width": 2, "color": colour},
        },
        error_y={
            "array": [up for up, _ in ends],
            "arrayminus": [down for _, down in ends],
            "symmetric": False,
            "color": colour,
            "thickness": 2.2,
            "width": 6,
        },
        hovertext=[_hover(row, name) for _, row in rows.iterrows()],
        hovertemplate="%{hovertext}<extra></extra>",
        legendgroup=name,
        meta={"role": "layer"},
    )
    ticks = go.Scatter(
        x=[float(row["examples"]) + shift - 0.22 for _, row in seeds.iterrows()],
        y=[_height(row) for _, row in seeds.iterrows()],
        mode="markers",
        marker={"symbol": "line-ew-open", "size": 7, "color": colour, "line": {"width": 1.6, "color": colour}},
        hovertext=[f"seed {row['seed']}: {layer_word(row['layer'], row['n_layers'])}" for _, row in seeds.iterrows()],
        hovertemplate="%{hovertext}<extra></extra>",
        legendgroup=name,
        showlegend=False,
        meta={"role": "seed"},
    )
    return [line, ticks]


def _height(row: pd.Series) -> float:
    return float(row["n_layers"] if missing(row["layer"]) else row["layer"])


def _hover(row: pd.Series, name: str) -> str:
    layer = layer_word(row["layer"], row["n_layers"])
    interval = layer_interval(row["low"], row["high"], int(row["n_layers"]))
    why = f"<br>{escape(str(row['reason']))}" if missing(row["layer"]) else ""
    return (
        f"<b>{plural(int(row['examples']), 'example')}</b><br>{name}<br>layer <b>{layer}</b> {interval}{why}"
        f"<br>n = {int(row['n'])} prompts"
    )


def _lay_out_layers(figure: go.Figure, pooled: pd.DataFrame) -> None:
    depth = int(pooled["n_layers"].max())
    named = sum(trace.showlegend is not False for trace in figure.data)
    counts = sorted({int(n) for n in pooled["n"]})
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    models = ", ".join(escape(model) for model in dict.fromkeys(pooled["model"]))
    mask = escape(hidden(pooled["mask"].iloc[0]))
    making = f"{mask} · n = {n} prompts · bar: 95 % interval; small ticks: single seeds"
    top, bottom = 88, 78 + LEGEND_ROW * named
    ticks = layer_ticks(depth)
    figure.update_layout(
        template="workbench",
        title={
            "text": "Recognition layer and number of examples",
            "subtitle": {"text": f"model <b>{models}</b> · {escape(str(pooled['format'].iloc[0]))}<br>{making}"},
        },
        height=top + PLOT_HEIGHT + bottom,
        margin={"t": top, "b": bottom, "l": 76, "r": 32},
        showlegend=True,
        legend={"x": 0, "xanchor": "left", "y": 0, "yref": "container", "yanchor": "bottom", "tracegroupgap": 0},
        xaxis={
            "title": {"text": "examples in the prompt"},
            "tickmode": "array",
            "tickvals": sorted({int(examples) for examples in pooled["examples"]}),
        },
        yaxis={
            "title": {"text": "task-recognition layer (from 0)"},
            "range": [-0.05 * depth, 1.05 * depth],
            "tickmode": "array",
            "tickvals": ticks,
            "ticktext": [*map(str, ticks[:-1]), f"none ({depth})"],
        },
    )


def findings(summary: Summary) -> list[str]:
    """For each task and its own score, the layers by number of examples in one sentence."""
    rows = summary.recognition[
        (summary.recognition["seed"].astype(str) == POOLED) & (summary.recognition["examples"] > 0)
    ]
    said = []
    for (model, task), of_task in rows.groupby(["model", "task"], sort=False):
        own = of_task[of_task["score"] == of_task["score"].iloc[0]].sort_values("examples")
        parts = [
            f"{layer_word(row['layer'], row['n_layers'])} {layer_interval(row['low'], row['high'], row['n_layers'])}"
            f" with {int(row['examples'])}"
            for row in own.to_dict("records")
        ]
        score = score_name(str(own["score"].iloc[0]))
        said.append(f"{task} on {model}, recognition layer by {score} and number of examples: {', '.join(parts)}.")
    return said


def layer_tables(summary: Summary) -> list[Table]:
    """Recognition layers by each task's own score, then of every score and seed."""
    rows = summary.recognition[summary.recognition["examples"] > 0]
    main = main_rows(rows)
    short, said = without_constants(recognition_table(main))
    every, _ = without_constants(recognition_table(rows, seeds=True))
    return [
        Table("Recognition layers", short, f"By each task's own score: {said}."),
        Table("Every score and seed", every),
    ]
