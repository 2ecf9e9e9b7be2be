"""Pictures of where heads look: every head's shares, shares by layer, by example, and one prompt's tokens."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from workbench.statistics.layer_means import layer_means
from workbench.views.attention_tokens import token_map
from workbench.views.curves import LEGEND_ROW, PLOT_HEIGHT, file_name, layer_ticks
from workbench.views.layer_profiles import PROFILE_COLUMNS
from workbench.views.panels import Panel, Scale, panel_figure
from workbench.views.report import Picture, Table
from workbench.views.segments import SEGMENT_COLOURS, SEGMENT_LABELS, segment_label
from workbench.views.text import escape, number, plural

SERIES = ["model", "n_layers", "task", "kind", "format", "examples", "place"]
"""What one figure is about."""
KINDS = tuple(SEGMENT_COLOURS)
_CONTEXT = "to_context"
_NAMED = 5


def pictures(table: pd.DataFrame) -> list[Picture]:
    """All pictures of a table, one section for each task and place."""
    found = []
    heads, layers = _head_means(table), _layer_means(table)
    for values, rows in table.groupby(SERIES, sort=False):
        fields = dict(zip(SERIES, values, strict=True))
        own_heads, own_layers = (means.merge(pd.DataFrame([fields]), on=SERIES) for means in (heads, layers))
        subtitle = _subtitle(fields, own_layers)
        drawn = {
            "segments": (_head_panels(own_heads, fields, subtitle), _SEGMENTS),
            "layers": (_bars(own_layers, fields, subtitle), _LAYERS),
        }
        if int(str(fields["examples"])) > 1:
            drawn["examples"] = (_example_panels(rows, fields, subtitle), _EXAMPLES)
        if rows["tokens"].notna().any():
            drawn["tokens"] = (token_map(rows, own_heads[own_heads["quantity"] == _CONTEXT], fields), _TOKENS)
        section = _section(fields)
        for name, (figure, caption) in drawn.items():
            found.append(Picture(file_name(f"{fields['task']}.{fields['place']}.{name}"), figure, caption, section))
    return found


_SEGMENTS = "Share of each head's attention that goes to each kind of segment; a row of cells over all panels is 100 %."
_LAYERS = "The same, averaged over the heads of a layer."
_EXAMPLES = "Share of the attention that goes to each example's source and target, averaged over the heads of a layer."
_TOKENS = "The first prompt: the heads that look at the context most, token by token."


def head_table(table: pd.DataFrame) -> Table:
    """Every head's shares, those that look at the context most first."""
    means = _head_means(table)
    rows = []
    for values, own in means.groupby([*SERIES, "layer", "head"], sort=False):
        fields = dict(zip([*SERIES, "layer", "head"], values, strict=True))
        cells = {str(row["quantity"]): row for row in own.to_dict("records")}
        context = cells[_CONTEXT]
        rows.append(
            {
                "Task": fields["task"],
                "From": segment_label(str(fields["place"])),
                "Head": f"{fields['layer']}.{fields['head']}",
                "Context": round(float(context["value"]), 4),
                "95 % interval": f"{number(context['low'])} to {number(context['high'])}",
                **{_short(name): round(float(cells[name]["value"]), 4) for name in _parts(own)},
                "Punctuation": round(float(cells["to_punctuation"]["value"]), 4),
            }
        )
    frame = pd.DataFrame(rows).sort_values(["Task", "From", "Context"], ascending=[True, True, False])
    caption = "Shares of one, averaged over prompts. Context: instructions and examples. Punctuation lies in all parts."
    return Table("Heads", frame.reset_index(drop=True), caption)


def findings(table: pd.DataFrame) -> list[str]:
    """Two sentences for each task and place: how much goes to the context, and which heads look there."""
    said = []
    heads, layers = _head_means(table), _layer_means(table)
    for values, own in layers[layers["quantity"] == _CONTEXT].groupby(SERIES, sort=False):
        fields = dict(zip(SERIES, values, strict=True))
        most = own.sort_values("value").iloc[-1]
        by_head = heads.merge(pd.DataFrame([fields]), on=SERIES)
        top = by_head[by_head["quantity"] == _CONTEXT].sort_values("value", ascending=False).head(_NAMED)
        named = ", ".join(_described(row, by_head) for row in top.to_dict("records"))
        by_layer = " ".join(f"{value:.0%}" for value in own.sort_values("layer")["value"])
        said.append(
            f"{fields['task']} ({fields['model']}), from the {segment_label(str(fields['place']))}: "
            f"{own['value'].mean():.0%} of the attention goes to the context, most at layer {int(most['layer'])} "
            f"({most['value']:.0%}); layer by layer {by_layer}. Heads that look there most: {named}."
        )
    return said


def context_profile(table: pd.DataFrame) -> pd.DataFrame:
    """By layer, the share of the attention from the answer that goes to the context, in per cent."""
    means = _layer_means(table[table["place"] == "answer"])
    rows = means[means["quantity"] == _CONTEXT]
    if rows.empty:
        return pd.DataFrame(columns=list(PROFILE_COLUMNS))
    scaled = {end: 100 * rows[end] for end in ("value", "low", "high")}
    profile = rows.assign(quantity="attention from the answer to the context, mean over heads (%)", **scaled)
    return profile[list(PROFILE_COLUMNS)].reset_index(drop=True)


def _quantities(table: pd.DataFrame) -> list[str]:
    return [
        name
        for name in table.columns
        if name.startswith("to_") and not name.startswith("to_each") and table[name].notna().any()
    ]


def _head_means(table: pd.DataFrame) -> pd.DataFrame:
    return layer_means(table, [*SERIES, "layer", "head"], _quantities(table))


def _layer_means(table: pd.DataFrame) -> pd.DataFrame:
    """Averaged over the heads of a layer first, so that a prompt counts once."""
    quantities = _quantities(table)
    keys = [*SERIES, "seed", "prompt", "layer"]
    return layer_means(table.groupby(keys, sort=False)[quantities].mean().reset_index(), [*SERIES, "layer"], quantities)


def _parts(means: pd.DataFrame) -> list[str]:
    """The kinds of segments that there are, in the order of a prompt."""
    there = set(means["quantity"])
    return [column for column in (_column(kind) for kind in KINDS) if column in there]


def _column(kind: str) -> str:
    return f"to_{kind.replace('.', '_')}"


def _kind(column: str) -> str:
    return next(kind for kind in KINDS if _column(kind) == column)


def _short(column: str) -> str:
    return SEGMENT_LABELS[_kind(column)].capitalize()


def _described(row: dict[Any, Any], by_head: pd.DataFrame) -> str:
    """A head, its share on the context, and the segment that gets most of it."""
    own = by_head[(by_head["layer"] == row["layer"]) & (by_head["head"] == row["head"])]
    shares = {str(each["quantity"]): float(each["value"]) for each in own.to_dict("records")}
    parts = [name for name in _parts(own) if _kind(name).startswith(("examples", "instructions"))]
    if not parts:
        return f"{int(row['layer'])}.{int(row['head'])} ({row['value']:.0%})"
    most = max(parts, key=shares.__getitem__)
    share = shares[most]
    return f"{int(row['layer'])}.{int(row['head'])} ({row['value']:.0%}; {SEGMENT_LABELS[_kind(most)]} {share:.0%})"


def _section(fields: dict[str, Any]) -> str:
    return f"{fields['task']}, from the {segment_label(str(fields['place']))}"


def _subtitle(fields: dict[str, Any], means: pd.DataFrame) -> str:
    asked = f"{fields['model']} · {fields['format']}, {plural(int(fields['examples']), 'example')}"
    n = int(means["n"].max()) if len(means) else 0
    return f"{escape(asked)} · from the {escape(segment_label(str(fields['place'])))}<br>n = {n} prompts, mean"


def _hover(where: str, row: dict[Any, Any], what: str) -> str:
    interval = f"95 % interval [{row['low']:.1%}, {row['high']:.1%}]"
    return f"<b>{where}</b><br>{escape(what)}<br><b>{row['value']:.1%}</b>  {interval}  n = {int(row['n'])} prompts"


def _head_panels(means: pd.DataFrame, fields: dict[str, Any], subtitle: str) -> go.Figure:
    panels = []
    for name in _parts(means):
        own = means[means["quantity"] == name]
        what = SEGMENT_LABELS[_kind(name)]
        hover = [_hover(f"head {row['layer']}.{row['head']}", row, what) for row in own.to_dict("records")]
        panels.append(Panel(what, own.assign(x=own["head"], y=own["layer"], hover=hover)))
    return panel_figure(
        panels,
        Scale("share of the attention", 0.0, 1.0, percent=True),
        title=f"{fields['task']}: where each head looks",
        subtitle=subtitle,
        layers=int(fields["n_layers"]),
        x_title="head (from 0)",
        columns=3 if len(panels) in (5, 6) else 4,
    )


def _bars(means: pd.DataFrame, fields: dict[str, Any], subtitle: str) -> go.Figure:
    """Stacked shares by layer."""
    figure = go.Figure()
    parts = _parts(means)
    for name in parts:
        own, kind = means[means["quantity"] == name].sort_values("layer"), _kind(name)
        figure.add_trace(
            go.Bar(
                x=own["layer"].tolist(),
                y=own["value"].tolist(),
                name=escape(SEGMENT_LABELS[kind]),
                marker={"color": SEGMENT_COLOURS[kind], "line": {"width": 0}},
                hovertext=[
                    _hover(f"layer {row['layer']}", row, SEGMENT_LABELS[kind]) for row in own.to_dict("records")
                ],
                hovertemplate="%{hovertext}<extra></extra>",
                meta={"role": "share"},
            )
        )
    top, bottom = 92, 70 + LEGEND_ROW * len(parts)
    layers = int(fields["n_layers"])
    figure.update_layout(
        template="workbench",
        barmode="stack",
        bargap=0.25,
        title={"text": escape(f"{fields['task']}: where a layer looks"), "subtitle": {"text": subtitle}},
        height=top + PLOT_HEIGHT + bottom,
        margin={"t": top, "b": bottom, "l": 76, "r": 32},
        legend={
            **{"x": 0, "xanchor": "left", "y": 0, "yref": "container", "yanchor": "bottom", "orientation": "v"},
            **{"traceorder": "reversed", "tracegroupgap": 0},
        },
        xaxis={
            "title": {"text": "layer (from 0)"},
            "tickmode": "array",
            "tickvals": [tick for tick in layer_ticks(layers) if tick < layers],
            "showgrid": False,
        },
        yaxis={"title": {"text": "share of the attention (mean over heads)"}, "tickformat": ".0%", "range": [0, 1]},
    )
    return figure


def _example_panels(rows: pd.DataFrame, fields: dict[str, Any], subtitle: str) -> go.Figure:
    panels = []
    for part in ("source", "target"):
        lists = rows[["prompt", "seed", "layer", f"to_each_{part}"]].explode(f"to_each_{part}")
        place = lists.groupby(level=0).cumcount()
        long = lists.assign(x=place, value=lists[f"to_each_{part}"].astype(float))
        means = long.groupby(["layer", "x"], sort=True)["value"].mean().reset_index()
        hover = [
            f"<b>layer {row['layer']}</b><br>{part} of example {row['x'] + 1}<br><b>{row['value']:.1%}</b>"
            for row in means.to_dict("records")
        ]
        panels.append(Panel(f"{part}s of the examples", means.assign(y=means["layer"], hover=hover)))
    highest = max(float(panel.rows["value"].max()) for panel in panels)
    return panel_figure(
        panels,
        Scale("share of the attention", 0.0, highest or 1.0, percent=True),
        title=f"{fields['task']}: which example is looked at",
        subtitle=subtitle,
        layers=int(fields["n_layers"]),
        x_title="example (the last one stands before the query)",
        x_labels=[str(example + 1) for example in range(int(fields["examples"]))],
    )
