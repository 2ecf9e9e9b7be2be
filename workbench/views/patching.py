"""Pictures of activation patching: what each part brings back, layer by place, and each head, layer by head."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from workbench.statistics.recovery import SERIES
from workbench.views.curves import file_name
from workbench.views.layer_profiles import PROFILE_COLUMNS
from workbench.views.panels import Panel, Scale, panel_figure
from workbench.views.report import Picture, Table
from workbench.views.segments import SHORT_LABELS, segment_label
from workbench.views.text import escape, number, plural

_PARTS = {"residual": "residual stream", "attention": "attention", "feed-forward": "feed-forward"}
_PROFILED = ("answer", "examples.target")
_NAMED = 5
_WORTH = 0.05
"""What a head must bring back at least, to be marked: next to nothing is easily told from nothing."""


def pictures(found: pd.DataFrame) -> list[Picture]:
    """Up to two pictures for each task; none where the corruption does nothing."""
    drawn = []
    for values, rows in found.groupby(SERIES, sort=False):
        fields = dict(zip(SERIES, values, strict=True))
        if rows["value"].isna().all():
            continue
        task, subtitle = str(fields["task"]), _subtitle(fields, rows)
        whole, heads = rows[rows["part"] != "head"], rows[rows["part"] == "head"]
        # One corruption of a task has one name, another has another.
        name = f"{task}.{fields['other'] if fields['corruption'] == 'other-task' else fields['corruption']}"
        if len(whole):
            figure = _part_panels(whole, fields, subtitle)
            drawn.append(Picture(file_name(f"{name}.parts"), figure, _WHOLE, task))
        if len(heads):
            figure = _head_panels(heads, fields, subtitle)
            drawn.append(Picture(file_name(f"{name}.heads"), figure, _HEADS, task))
    return drawn


_WHOLE = (
    "What one activation of the clean run, written into the corrupted run, brings back: 0 nothing, 1 everything. "
    "Sources, markers and targets are those of the examples."
)
_HEADS = f"The same for single heads; marked are those whose 95 % interval lies above {_WORTH} or below -{_WORTH}."


def findings(found: pd.DataFrame) -> list[str]:
    """For each task: what the corruption costs, where the residual stream carries the task, which heads bring back most."""
    said = []
    for values, rows in found.groupby(SERIES, sort=False):
        fields = dict(zip(SERIES, values, strict=True))
        first = rows.iloc[0]
        gap = f"{number(first['clean'])} clean, {number(first['corrupted'])} corrupted (nats)"
        about = f"{fields['task']} ({fields['model']}), {_corrupted(fields)}: log-probability {gap}"
        if rows["value"].isna().all():
            said.append(
                f"{about}; the difference is not told from none [{number(first['gap_low'])}, "
                f"{number(first['gap_high'])}], so there is nothing to bring back: corrupt otherwise."
            )
            continue
        said.append(f"{about}. {' '.join([*_residual(rows), *_heads(rows)])}")
    return said


def patch_table(found: pd.DataFrame) -> Table:
    """Every patch, those that bring back most first."""
    rows = found.sort_values(["task", "value"], ascending=[True, False])
    frame = pd.DataFrame(
        {
            "Task": rows["task"],
            "Part": rows["part"],
            "Layer": rows["layer"],
            "Head": [str(head) if head >= 0 else "" for head in rows["head"]],
            "Place": [segment_label(str(place)) for place in rows["place"]],
            "Brought back": rows["value"].round(4),
            "95 % interval": [
                f"{number(low)} to {number(high)}" for low, high in zip(rows["low"], rows["high"], strict=True)
            ],
            "n": rows["n"],
        }
    )
    return Table("Patches", frame.reset_index(drop=True), "0: as the corrupted run; 1: as the clean run.")


def patching_profile(found: pd.DataFrame) -> pd.DataFrame:
    """By layer, what the residual stream brings back at the answer and at the examples' targets, in per cent."""
    rows = found[(found["part"] == "residual") & found["place"].isin(_PROFILED) & found["value"].notna()]
    if rows.empty:
        return pd.DataFrame(columns=list(PROFILE_COLUMNS))
    places = rows["place"].map({"answer": "at the answer", "examples.target": "at the examples' targets"})
    quantity = "brought back by the clean residual stream " + places + " (% of the way from corrupted to clean)"
    scaled = {end: 100 * rows[end] for end in ("value", "low", "high")}
    return rows.assign(quantity=quantity, **scaled)[list(PROFILE_COLUMNS)].reset_index(drop=True)


def _corrupted(fields: dict[str, Any]) -> str:
    if fields["corruption"] == "shuffled":
        return "targets of the examples shuffled"
    return f"examples of {fields['other']} instead"


def _subtitle(fields: dict[str, Any], rows: pd.DataFrame) -> str:
    asked = f"{fields['model']} · {fields['format']}, {plural(int(fields['examples']), 'example')}"
    aligned = "token by token" if fields["align"] == "tokens" else "by the last token of each segment"
    first = rows.iloc[0]
    what = "answer's first token" if fields["measured"] == "answer" else "reference"
    measured = f"log-probability of the {what}: {number(first['clean'])} clean, {number(first['corrupted'])} corrupted"
    return (
        f"{escape(asked)} · {escape(_corrupted(fields))} · aligned {aligned}<br>"
        f"{measured} (nats) · n = {int(first['n'])} prompts"
    )


def _hover(row: dict[Any, Any], where: str) -> str:
    interval = f"95 % interval [{number(row['low'])}, {number(row['high'])}]"
    place = escape(segment_label(str(row["place"])))
    return (
        f"<b>{escape(where)}</b><br>{place}<br><b>{number(row['value'])}</b>  {interval}  n = {int(row['n'])} prompts"
    )


def _part_panels(rows: pd.DataFrame, fields: dict[str, Any], subtitle: str) -> go.Figure:
    places = list(dict.fromkeys(rows["place"]))
    panels = []
    for part, own in rows.groupby("part", sort=False):
        hover = [_hover(row, f"{_PARTS[str(part)]}, layer {row['layer']}") for row in own.to_dict("records")]
        x = [places.index(place) for place in own["place"]]
        panels.append(Panel(_PARTS[str(part)], own.assign(x=x, y=own["layer"], hover=hover)))
    return panel_figure(
        panels,
        _scale(panels),
        title=f"{fields['task']}: what brings the answer back",
        subtitle=subtitle,
        layers=int(fields["n_layers"]),
        x_title="place",
        x_labels=[SHORT_LABELS.get(place, place) for place in places],
        columns=3,
    )


def _head_panels(rows: pd.DataFrame, fields: dict[str, Any], subtitle: str) -> go.Figure:
    panels = []
    for place, own in rows.groupby("place", sort=False):
        hover = [_hover(row, f"head {row['layer']}.{row['head']}") for row in own.to_dict("records")]
        marked = (own["low"] > _WORTH) | (own["high"] < -_WORTH)
        panels.append(
            Panel(segment_label(str(place)), own.assign(x=own["head"], y=own["layer"], hover=hover, marked=marked))
        )
    return panel_figure(
        panels,
        Scale.around_zero("brought back", panels),
        title=f"{fields['task']}: heads that bring the answer back",
        subtitle=subtitle,
        layers=int(fields["n_layers"]),
        x_title="head (from 0)",
        columns=3,
    )


def _scale(panels: list[Panel]) -> Scale:
    """At least from -1 to 1, so that everything brought back always has the same colour."""
    found = Scale.around_zero("brought back", panels)
    high = max(1.0, found.high)
    return Scale(found.title, -high, high)


def _residual(rows: pd.DataFrame) -> list[str]:
    """From which layer on the answer's own residual stream brings back half, and up to which the examples' does."""
    said = []
    for place, own in rows[rows["part"] == "residual"].groupby("place", sort=False):
        half = own.loc[own["value"] >= 0.5, "layer"]
        if len(half):
            layers = f"layer {half.min()}" if half.min() == half.max() else f"layers {half.min()} to {half.max()}"
            said.append(
                f"The residual stream at the {segment_label(str(place))} brings back half or more entering {layers}."
            )
    return said


def _heads(rows: pd.DataFrame) -> list[str]:
    heads = rows[(rows["part"] == "head") & (rows["low"] > _WORTH)].sort_values("value", ascending=False).head(_NAMED)
    if heads.empty:
        return []
    named = ", ".join(
        f"{row['layer']}.{row['head']} at the {segment_label(str(row['place']))} ({number(row['value'])})"
        for row in heads.to_dict("records")
    )
    return [f"Heads that bring back most: {named}."]
