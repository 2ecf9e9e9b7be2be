"""What appears under the pointer: the value with its interval and n, and one prompt's completion at that very point."""

from __future__ import annotations

import pandas as pd

from workbench.views.series import Series
from workbench.views.text import escape, layer_interval, layer_word, missing, number, wrapped


def example_prompt(completions: pd.DataFrame | None, series: Series) -> dict[int, pd.Series]:
    """The completions of one prompt, by `from_layer`: the first prompt of the first seed, not picked by its result.

    The same prompt at every layer: who moves along the curve sees one sentence change.
    """
    if completions is None or completions.empty:
        return {}
    rows = completions
    for key in ("model", "format", "examples", "mask"):
        rows = rows[rows[key] == getattr(series, key)]
    if rows.empty:
        return {}
    first = rows.iloc[0]
    rows = rows[(rows["seed"] == first["seed"]) & (rows["prompt"] == first["prompt"])]
    return {int(row["from_layer"]): row for _, row in rows.iterrows()}


def point_text(row: pd.Series, series: Series, score: str, example: pd.Series | None) -> str:
    """The hover text of one point of a curve; `score` is a word for the value."""
    lines = [f"<b>{_where(int(row['from_layer']), series.n_layers)}</b>", series.name]
    lines += [f"{escape(score)} <b>{number(row['value'])}</b>{_spread(row)}"]
    if example is not None:
        lines += ["", f"prompt {escape(str(example['prompt']))}"]
        lines += [f"<b>{part}</b>  {wrapped(str(example[part]))}" for part in ("source", "reference", "completion")]
    return "<br>".join(lines)


def recognition_text(series: Series, score: str) -> str:
    """The hover text of the recognition mark: the rule's inputs and what else was found."""
    row = series.recognition
    if row is None:
        return ""
    levels = f"floor {number(row['floor'])}, ceiling {number(row['ceiling'])}, fraction {float(row['fraction']):g}"
    if missing(row["layer"]):
        return "<br>".join(["<b>no recognition layer</b>", series.name, wrapped(str(row["reason"])), levels])
    interval = layer_interval(row["low"], row["high"], series.n_layers)
    lines = [
        f"<b>recognition layer {layer_word(row['layer'], series.n_layers)} of {series.n_layers}</b>",
        series.name,
        f"95 % interval {interval}" if interval else "no interval",
        f"{escape(score)} stays at or above {number(row['threshold'])}",
        levels,
        f"steepest step into layer {layer_word(row['steepest'], series.n_layers + 1)}",
        f"plateau {number(row['plateau'])} on average from there on",
    ]
    return "<br>".join(lines)


def _where(from_layer: int, n_layers: int) -> str:
    return "never hidden (ceiling)" if from_layer >= n_layers else f"hidden from layer {from_layer} on"


def _spread(row: pd.Series) -> str:
    interval = "" if pd.isna(row["low"]) else f"  95 % interval [{number(row['low'])}, {number(row['high'])}]"
    return f"{interval}  n = {int(row['n'])} prompts"
