"""A paper's numbers beside one's own: pictures, and the tables of the sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from workbench.views import theme
from workbench.views.curves import file_name
from workbench.views.layer_curves import LayerCurve, layer_figure
from workbench.views.report import Picture, Table
from workbench.views.text import escape, missing, number, plural, score_label, score_name

_AXES = {
    "context-masking": "first layer at which they are hidden (from 0)",
    "code-generation": "first layer at which they are hidden (from 0)",
    "number-of-examples": "first layer at which the examples are hidden (from 0)",
    "attention-removal": "layer whose attention is removed (from 0)",
    "single-layer-lora": "layer trained (from 0)",
}
_CAPTION = "Solid: yours, with the 95 % interval. Dotted: published, with the range in which a value may lie."
_NUMBERS = (
    "In brackets the range in which a published value may lie, by how it could be read, and your 95 % interval. Layers count "
    "from 0; – where the rule finds none. Curves of which nothing was published are in the figures, in sheet.csv and in "
    "sheet.parquet."
)
_PUBLISHED = ", published"
_ALONE = "Nothing was published in numbers for this model and direction."


def sheet_pictures(sheet: pd.DataFrame, model: str) -> list[Picture]:
    """For every experiment, direction and quantity by layer the curves of all series, the published ones dotted."""
    found = []
    by_layer = sheet[sheet["layer"].notna()]
    for (experiment, direction, quantity), rows in by_layer.groupby(
        ["experiment", "direction", "quantity"], sort=False
    ):
        # Where something was published of some series only, those come first, by themselves.
        published = [series for series, own in rows.groupby("series", sort=False) if own["published"].notna().any()]
        chosen = rows[rows["series"].isin(published)] if published else rows
        name = f"{experiment}.{direction}"
        figure = layer_figure(
            _curves(chosen),
            title=f"{experiment}, {direction}: {score_name(str(quantity))}",
            subtitle=escape(_subtitle(model, chosen)),
            layers=max(1, int(chosen["layer"].max())),
            layer_title=_AXES.get(str(experiment), "layer (from 0)"),
            value_title=score_label(str(quantity)),
        )
        figure.for_each_trace(_say_published)
        caption = _CAPTION if published else _ALONE
        found.append(Picture(file_name(name), figure, caption, str(experiment)))
    return found


def _say_published(trace: go.Scatter) -> None:
    """Under the pointer at a published value stands its range, which is no interval over prompts."""
    if str(trace.name).endswith(_PUBLISHED):
        words = [str(text).replace("95 % interval", "may lie in") for text in trace.hovertext]
        trace.hovertext = [text.removesuffix("  n = 0 prompts") for text in words]


def _subtitle(model: str, rows: pd.DataFrame) -> str:
    counted = rows["n"].dropna()
    return f"{model} · {plural(int(counted.max()), 'prompt')} for each point" if len(counted) else model


def _curves(rows: pd.DataFrame) -> list[LayerCurve]:
    curves = []
    for place, (series, own) in enumerate(rows.groupby("series", sort=False)):
        colour, symbol = theme.CYCLE[place % len(theme.CYCLE)], theme.SYMBOLS[place % len(theme.SYMBOLS)]
        mine = own[own["yours"].notna()].rename(columns={"yours": "value"})
        curves.append(LayerCurve(str(series), mine, colour, symbol))
        theirs = own[own["published"].notna()].drop(columns=["low", "high"])
        theirs = theirs.rename(columns={"published": "value", "published_low": "low", "published_high": "high"})
        # How many prompts are behind a published number is not drawn.
        theirs = theirs.assign(n=0)
        curves.append(LayerCurve(f"{series}{_PUBLISHED}", theirs, colour, f"{symbol}-open", "2px,3px"))
    return curves


def summary_table(sheet: pd.DataFrame) -> Table | None:
    """Every series of which something was published: how many numbers were compared, how far apart they are, how many are
    covered. None where nothing was."""
    rows = []
    keys = ["experiment", "direction", "series", "quantity"]
    published = sheet[sheet["published"].notna()]
    for (experiment, direction, series, quantity), own in published.groupby(keys, sort=False):
        compared = own[own["difference"].notna()]
        rows.append(
            {
                "Experiment": f"{experiment}, {direction}",
                "Series": series,
                "Quantity": _quantity(quantity),
                "Published": len(own),
                "Compared": len(compared),
                "Covered": f"{int((compared['verdict'] == 'covered').sum())} of {len(compared)}"
                if len(compared)
                else "",
                "Mean difference": _value(quantity, compared["difference"].mean()) if len(compared) else "",
                "Largest": _value(quantity, compared["difference"].abs().max()) if len(compared) else "",
                "Why not": "; ".join(dict.fromkeys(filter(None, own["why"]))),
            }
        )
    caption = (
        "Covered: your 95 % interval reaches the range in which the published value may lie; without an interval, your number "
        "lies in that range. Differences are yours less published; the largest without its sign."
    )
    return Table("Published beside yours", _without_empty(pd.DataFrame(rows)), caption) if rows else None


def _without_empty(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame without the columns that say nothing in any row."""
    empty = [name for name in frame if frame[name].astype(str).isin(["", "–"]).all()]
    return frame.drop(columns=empty)


def number_tables(sheet: pd.DataFrame) -> list[Table]:
    """For each experiment and direction every number that was published or belongs to no layer."""
    places = {source: str(place) for place, source in enumerate(_sources(sheet), 1)}
    shown = sheet[sheet["published"].notna() | sheet["layer"].isna()]
    return [
        Table(f"{experiment}, {direction}: number by number", _numbers(rows, places), _NUMBERS)
        for (experiment, direction), rows in shown.groupby(["experiment", "direction"], sort=False)
    ]


def _numbers(shown: pd.DataFrame, places: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    """The rows of one experiment and direction for a reader; sources by their number."""
    rows = [
        {
            "Series": row["series"],
            "Quantity": _quantity(row["quantity"]),
            "Layer": "" if missing(row["layer"]) else str(row["layer"]),
            "Published": _with_range(row, "published", "published_low", "published_high"),
            "Yours": _with_range(row, "yours", "low", "high"),
            "Difference": _value(row["quantity"], row["difference"]),
            "Verdict": row["verdict"],
            "Source": "" if missing(row["source"]) else places[row["source"], row["read"]],
            "Note": "" if missing(row["note"]) else str(row["note"]),
        }
        for row in shown.to_dict("records")
    ]
    return _without_empty(pd.DataFrame(rows))


def source_tables(sheet: pd.DataFrame) -> list[Table]:
    """Where the published numbers are from; no table where there are none."""
    rows = [
        {"Source": str(place), "Figure or table": source, "How it was read": read}
        for place, (source, read) in enumerate(_sources(sheet), 1)
    ]
    return [Table("Sources of the published numbers", pd.DataFrame(rows))] if rows else []


def _sources(sheet: pd.DataFrame) -> list[tuple[str, str]]:
    """Figure or table, and how it was read, of all published numbers, each pair once."""
    rows = sheet[sheet["published"].notna()]
    return list(dict.fromkeys(zip(rows["source"], rows["read"], strict=True)))


def _with_range(row: Mapping[Any, Any], name: str, low: str, high: str) -> str:
    """`5.8 [5.4, 6.2]`; without brackets where there is no range."""
    value = _value(row["quantity"], row[name])
    if missing(row[name]) or missing(row[low]) or missing(row[high]) or row[low] == row[high]:
        return value
    return f"{value} [{_value(row['quantity'], row[low])}, {_value(row['quantity'], row[high])}]"


def _quantity(quantity: object) -> str:
    """`bleu of en-fr, 5 examples` with the score's name for a reader."""
    score, of, what = str(quantity).partition(" of ")
    return f"{score_name(score)}{of}{what}"


def _value(quantity: object, value: object) -> str:
    """A number; a layer as a whole one, where it is one."""
    if missing(value) or "layer" not in str(quantity):
        return number(value)
    return f"{float(str(value)):g}".replace("-", "−")


def experiment_table(rows: Sequence[dict[str, str]]) -> Table:
    """What was run, what was not and why, and what the paper's text says of it."""
    return Table("Experiments", pd.DataFrame(rows), "What the paper ran, and what became of it here.")
