"""What dropping the context saves: costs and score as shares of those with the context kept, by layer."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from workbench.views import theme
from workbench.views.curves import file_name
from workbench.views.layer_curves import LayerCurve, layer_figure
from workbench.views.report import Picture, Table
from workbench.views.text import escape, number, plural, score_name

_COSTS = (
    ("reading_operations", "operations of reading the prompt, counted", theme.BLUE, "circle", "solid"),
    ("reading_seconds", "time of reading the prompt", theme.SKY, "square", "solid"),
    ("decoding_seconds", "time of decoding", theme.VIOLET, "diamond", "solid"),
    ("key_value_bytes", "key/value memory after reading", theme.ORANGE, "triangle-up", "6px,6px"),
)
_CAPTION = "Each cost with the context dropped from a layer on, as a share of the cost with it kept in all layers."
_SERIES = ["model", "n_layers", "task", "format", "examples", "score", "n"]


def pictures(table: pd.DataFrame) -> list[Picture]:
    """A picture for every task and number of examples."""
    drawn = []
    for names, rows in table.groupby(_SERIES, sort=False):
        series = dict(zip(_SERIES, names, strict=True))
        figure = savings_figure(rows, series)
        name = file_name(f"{series['task']}.savings.{series['examples']}-examples")
        drawn.append(Picture(name, figure, _CAPTION, str(series["task"])))
    return drawn


def savings_figure(rows: pd.DataFrame, series: dict[str, object]) -> go.Figure:
    """Costs and score by the layer from which the context is dropped, and the papers' formula."""
    layers = int(str(series["n_layers"]))
    kept = rows[rows["context_until"] == layers].iloc[0]
    curves = [_curve(rows, rows[name] / kept[name], *style) for name, *style in _COSTS if kept[name] > 0]
    curves.insert(0, _curve(rows, 1 - rows["formula"], "paper A's formula, cost left", theme.GREY, "cross", "dot"))
    if kept["score_value"] > 0:
        share = rows["score_value"] / kept["score_value"]
        curves.append(_curve(rows, share, f"{score_name(str(series['score']))} kept", theme.GREEN, "star", "solid"))
    figure = layer_figure(
        curves,
        title=f"{series['task']}: cost with the context dropped, {plural(int(str(series['examples'])), 'example')}",
        subtitle=escape(
            f"{series['model']} · {series['format']} · prompts one by one · {score_name(str(series['score']))} "
            f"with the context kept {number(kept['score_value'])} · n = {series['n']}"
        ),
        layers=layers,
        layer_title=f"layer from which the context is dropped (from 0; {layers}: kept)",
        value_title="share of that with the context kept",
        percent=True,
    )
    top = max(1.03, *(float(curve.rows["value"].max()) for curve in curves)) + 0.02
    figure.update_yaxes(range=[-0.03, top])
    if "recognition_layer" in rows:
        _mark(figure, int(rows["recognition_layer"].iloc[0]))
    return figure


def _mark(figure: go.Figure, layer: int) -> None:
    """Where a recognition run found the task recognised."""
    figure.add_vline(x=layer, line={"color": theme.INK, "width": 1.5, "dash": "dash"})
    figure.add_annotation(
        text=f"recognition layer {layer}",
        **{"x": layer, "xanchor": "right", "xshift": -6, "y": 0.02, "yref": "paper", "yanchor": "bottom"},
        font={"size": 12, "color": theme.GREY},
    )


def _curve(rows: pd.DataFrame, values: pd.Series, name: str, colour: str, symbol: str, dash: str) -> LayerCurve:
    missing = float("nan")
    points = pd.DataFrame(
        {"layer": rows["context_until"], "value": values, "low": missing, "high": missing, "n": rows["n"]}
    )
    return LayerCurve(name, points, colour, symbol, dash)


def savings_table(table: pd.DataFrame) -> Table:
    """Every number, and what is saved."""
    kept = table[table["context_until"] == table["n_layers"]]
    rows = []
    for row in table.to_dict("records"):
        same = (kept["model"] == row["model"]) & (kept["task"] == row["task"]) & (kept["examples"] == row["examples"])
        base = kept[same].iloc[0]
        rows.append(
            {
                "Task": row["task"],
                "Examples": row["examples"],
                "Context until layer": "all" if row["context_until"] == row["n_layers"] else row["context_until"],
                "Formula": f"{row['formula']:.1%}",
                "Operations of reading saved": _saved(row, base, "reading_operations"),
                "of decoding": _saved(row, base, "decoding_operations"),
                "Time of reading saved": _saved(row, base, "reading_seconds"),
                "Time of decoding saved": _saved(row, base, "decoding_seconds"),
                "Key/value memory saved after reading": _saved(row, base, "key_value_bytes"),
                "after decoding": _saved(row, base, "key_value_bytes_after"),
                "Reading (ms a prompt)": round(1000 * row["reading_seconds"] / row["n"], 2),
                "Key/value memory (kB a prompt)": round(row["key_value_bytes"] / row["n"] / 1000, 1),
                score_name(str(row["score"])): round(row["score_value"], 3),
                "n": row["n"],
            }
        )
    return Table("Savings", pd.DataFrame(rows), "Against the same prompts with their context kept in every layer.")


def findings(table: pd.DataFrame) -> list[str]:
    """For every task and number of examples, what the recognition layer of a run saves; without one, the cheapest layer
    that keeps 95 % of the score.
    """
    said = []
    for (model, task, examples), rows in table.groupby(["model", "task", "examples"], sort=False):
        start = f"{model}, {task}, {plural(int(str(examples)), 'example')}"
        base = rows[rows["context_until"] == rows["n_layers"]].iloc[0]
        if "recognition_layer" in rows:
            place = rows["recognition_layer"].iloc[0]
            start += " (recognition layer of the run given)"
        else:
            place = _cheapest(rows, base)
        if place is None or base["score_value"] <= 0:
            said.append(f"{start}: no layer keeps 95 % of the score.")
            continue
        row = rows[rows["context_until"] == place].iloc[0].to_dict()
        said.append(
            f"{start}: dropped from layer {int(row['context_until'])} of "
            f"{int(row['n_layers'])} on, {row['score_value'] / base['score_value']:.0%} of the score is kept, and of "
            f"reading the prompt are saved {_saved(row, base, 'reading_operations')} of the operations (formula: "
            f"{row['formula']:.1%}), {_saved(row, base, 'reading_seconds')} of the time and "
            f"{_saved(row, base, 'key_value_bytes')} of the key/value memory; of the time of decoding "
            f"{_saved(row, base, 'decoding_seconds')}."
        )
    return said


def _cheapest(rows: pd.DataFrame, base: pd.Series) -> int | None:
    """The first layer from which the context can be dropped with 95 % of the score kept; None if there is none."""
    enough = rows[rows["score_value"] >= 0.95 * base["score_value"]].sort_values("context_until")
    first = int(enough.iloc[0]["context_until"])
    return None if first == base["n_layers"] else first


def _saved(row: dict, base: pd.Series, name: str) -> str:
    return f"{1 - row[name] / base[name]:.1%}" if base[name] > 0 else "–"
