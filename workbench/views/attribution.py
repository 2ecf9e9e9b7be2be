"""Pictures of direct logit attribution: shares by layer with the sum so far, and every head's share."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from workbench.statistics.layer_means import layer_means
from workbench.views import theme
from workbench.views.curves import LEGEND_ROW, PLOT_HEIGHT, file_name, layer_ticks
from workbench.views.layer_profiles import PROFILE_COLUMNS
from workbench.views.panels import Panel, Scale, panel_figure
from workbench.views.report import Picture, Table
from workbench.views.text import escape, number, plural

SERIES = ["model", "n_layers", "task", "kind", "format", "examples", "contrast", "normalisation", "softcap"]
"""What one figure is about."""
CONTRASTS = {
    "none": "logit of the answer",
    "mean": "logit of the answer less the mean over the vocabulary",
    "runner-up": "logit of the answer less that of the most probable other token",
    "copied": "logit of the answer less that of the source's first token",
}
_COLOURS = {"embedding": theme.GREY, "attention": theme.BLUE, "feed-forward": theme.ORANGE, "final bias": theme.PURPLE}
_NAMED = 6


def share_means(table: pd.DataFrame) -> pd.DataFrame:
    """Mean share of every part over prompts, with its interval."""
    return layer_means(table, [*SERIES, "part", "layer", "head"], ["share"])


def pictures(table: pd.DataFrame) -> list[Picture]:
    """Two pictures for each task."""
    found = []
    means = share_means(table)
    for values, own in means.groupby(SERIES, sort=False):
        fields = dict(zip(SERIES, values, strict=True))
        subtitle = _subtitle(fields, own)
        task = str(fields["task"])
        sums = _sums(table.merge(pd.DataFrame([fields]), on=SERIES))
        found.append(Picture(file_name(f"{task}.layers"), _bars(own, sums, fields, subtitle), _LAYERS, task))
        found.append(Picture(file_name(f"{task}.heads"), _heads(own, fields, subtitle), _HEADS, task))
    return found


_LAYERS = "What each part adds to the logit, the final normalisation's scale held; the line is the sum so far."
_HEADS = "Share of every head; one whose 95 % interval leaves zero out is bold, or has a dot."


def findings(table: pd.DataFrame) -> list[str]:
    """For each task: the logit, what heads and feed-forwards add, and which parts most."""
    said = []
    for values, own in share_means(table).groupby(SERIES, sort=False):
        fields = dict(zip(SERIES, values, strict=True))
        of = dict(iter(own.groupby("part", sort=False)))
        total = float(of["logit"]["value"].iloc[0])
        attention, feed_forward = (float(of[part]["value"].sum()) for part in ("attention", "feed-forward"))
        heads = of["head"].assign(size=of["head"]["value"].abs()).sort_values("size", ascending=False).head(_NAMED)
        named = ", ".join(f"{row['layer']}.{row['head']} ({number(row['value'])})" for row in heads.to_dict("records"))
        layers = ", ".join(
            f"{row['layer']} ({number(row['value'])})"
            for row in of["feed-forward"].sort_values("value", ascending=False).head(3).to_dict("records")
        )
        said.append(
            f"{fields['task']} ({fields['model']}), {CONTRASTS[str(fields['contrast'])]}: {number(total)}, of it "
            f"attention {number(attention)}, feed-forward {number(feed_forward)}, embedding "
            f"{number(of['embedding']['value'].iloc[0])}. Largest heads: {named}. Largest feed-forwards: layers {layers}."
        )
    return said


def part_table(table: pd.DataFrame) -> Table:
    """Every part's share, the largest first."""
    means = share_means(table)
    means = means[~means["part"].str.contains("bias") | (means["value"] != 0)]
    rows = means.assign(size=means["value"].abs()).sort_values(["task", "size"], ascending=[True, False])
    frame = pd.DataFrame(
        {
            "Task": rows["task"],
            "Part": [_named(row) for row in rows.to_dict("records")],
            "Share (logits)": rows["value"].round(4),
            "95 % interval": [
                f"{number(low)} to {number(high)}" for low, high in zip(rows["low"], rows["high"], strict=True)
            ],
            "n": rows["n"],
        }
    )
    caption = (
        "Embedding, attention, feed-forward and final bias add up to the logit; heads and attention's bias add up to "
        "attention; the feed-forward's bias is in the feed-forward."
    )
    return Table("Parts", frame.reset_index(drop=True), caption)


def attribution_profile(table: pd.DataFrame) -> pd.DataFrame:
    """By layer, what attention and feed-forward add to the answer's logit."""
    means = share_means(table)
    rows = means[means["part"].isin(["attention", "feed-forward"])]
    profile = rows.assign(quantity="added to the answer's logit by " + rows["part"] + " (logits)")
    return profile[list(PROFILE_COLUMNS)].reset_index(drop=True)


def _named(row: dict[Any, Any]) -> str:
    if row["part"] == "head":
        return f"head {row['layer']}.{row['head']}"
    return str(row["part"]) if row["layer"] < 0 else f"{row['part']} {row['layer']}"


def _subtitle(fields: dict[str, Any], means: pd.DataFrame) -> str:
    asked = f"{fields['model']} · {fields['format']}, {plural(int(fields['examples']), 'example')}"
    held = f"{fields['normalisation']} scale held"
    capped = "" if float(fields["softcap"]) == 0 else f", before the softcap of {fields['softcap']}"
    what = f"{CONTRASTS[str(fields['contrast'])]}{capped}"
    return f"{escape(asked)} · {escape(held)}<br>{escape(what)} · n = {int(means['n'].max())} · bars: 95 % interval"


def _sums(table: pd.DataFrame) -> pd.DataFrame:
    """The sum of the parts so far, by depth, with intervals: depth 0 is the embedding, depth l what l layers leave.

    The final bias stands behind the last layer.
    """
    parts = table[table["part"].isin(["embedding", "attention", "feed-forward"])]
    per_layer = parts.groupby([*SERIES, "seed", "prompt", "layer"], sort=False)["share"].sum().reset_index()
    ordered = per_layer.sort_values("layer")
    ordered["share"] = ordered.groupby([*SERIES, "seed", "prompt"], sort=False)["share"].cumsum()
    return layer_means(ordered, [*SERIES, "layer"], ["share"]).sort_values("layer")


def _bars(means: pd.DataFrame, sums: pd.DataFrame, fields: dict[str, Any], subtitle: str) -> go.Figure:
    figure = go.Figure()
    layers = int(fields["n_layers"])
    drawn = {"embedding": -1, "attention": None, "feed-forward": None, "final bias": layers}
    for part, place in drawn.items():
        rows = means[means["part"] == part].sort_values("layer")
        if part == "final bias" and (rows["value"] == 0).all():
            continue
        figure.add_trace(_bar(rows, part, place))
    figure.add_trace(_sum_line(sums))
    top, bottom = 92, 76 + LEGEND_ROW * len(figure.data)
    ticks = [tick for tick in layer_ticks(layers) if tick < layers]
    figure.update_layout(
        template="workbench",
        barmode="group",
        bargap=0.25,
        bargroupgap=0.05,
        title={
            "text": escape(f"{fields['task']}: what each layer adds to the answer"),
            "subtitle": {"text": subtitle},
        },
        height=top + PLOT_HEIGHT + bottom,
        margin={"t": top, "b": bottom, "l": 76, "r": 32},
        legend={"x": 0, "xanchor": "left", "y": 0, "yref": "container", "yanchor": "bottom", "orientation": "v"},
        xaxis={
            "title": {"text": "layer (from 0)"},
            "tickmode": "array",
            "tickvals": [-1, *ticks, *([layers] if len(figure.data) == 5 else [])],
            "ticktext": ["embedding", *map(str, ticks), *(["biases"] if len(figure.data) == 5 else [])],
            "showgrid": False,
        },
        yaxis={"title": {"text": "share of the logit (logits)"}, "zeroline": True, "zerolinecolor": theme.FAINT},
    )
    return figure


def _bar(rows: pd.DataFrame, part: str, place: int | None) -> go.Bar:
    return go.Bar(
        x=rows["layer"].tolist() if place is None else [place] * len(rows),
        y=rows["value"].tolist(),
        name=part,
        # Two places side by side at every layer; embedding and biases stand alone.
        offsetgroup="right" if part in ("feed-forward", "final bias") else "left",
        marker={"color": _COLOURS[part], "line": {"width": 0}},
        error_y={
            "type": "data",
            "array": (rows["high"] - rows["value"]).tolist(),
            "arrayminus": (rows["value"] - rows["low"]).tolist(),
            "color": theme.GREY,
            "thickness": 1.2,
            "width": 3,
        },
        hovertext=[_hover(_named(row), row) for row in rows.to_dict("records")],
        hovertemplate="%{hovertext}<extra></extra>",
        meta={"role": "share"},
    )


def _sum_line(sums: pd.DataFrame) -> go.Scatter:
    return go.Scatter(
        x=sums["layer"].tolist(),
        y=sums["value"].tolist(),
        mode="lines+markers",
        name="sum so far",
        line={"color": theme.INK, "width": 1.8, "dash": "2px,3px"},
        marker={"color": theme.INK, "size": 6, "symbol": "circle-open"},
        hovertext=[
            _hover("embedding" if row["layer"] < 0 else f"sum up to layer {row['layer']}", row)
            for row in sums.to_dict("records")
        ],
        hovertemplate="%{hovertext}<extra></extra>",
        meta={"role": "sum"},
    )


def _heads(means: pd.DataFrame, fields: dict[str, Any], subtitle: str) -> go.Figure:
    rows = means[means["part"] == "head"]
    hover = [_hover(_named(row), row) for row in rows.to_dict("records")]
    marked = (rows["low"] > 0) | (rows["high"] < 0)
    panel = Panel("", rows.assign(x=rows["head"], y=rows["layer"], hover=hover, marked=marked))
    return panel_figure(
        [panel],
        Scale.around_zero("share of the logit (logits)", [panel]),
        title=f"{fields['task']}: what each head adds to the answer",
        subtitle=subtitle.replace("bars: 95 % interval", "marked: 95 % interval without zero"),
        layers=int(fields["n_layers"]),
        x_title="head (from 0)",
    )


def _hover(where: str, row: dict[Any, Any]) -> str:
    interval = f"95 % interval [{number(row['low'])}, {number(row['high'])}]"
    return f"<b>{escape(where)}</b><br><b>{number(row['value'])} logits</b>  {interval}  n = {int(row['n'])} prompts"
