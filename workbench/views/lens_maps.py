"""Heat maps of what a lens reads: depths against the layer from which the context is hidden, and against tokens."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from workbench.views import theme
from workbench.views.curves import layer_ticks
from workbench.views.text import escape, wrapped

_ROW = 34
_LEAST_HEIGHT = 300
_WRITTEN = 13
"""Up to so many rows or columns, numbers stand in the cells."""
_ROOMY = 9
"""Up to so many columns, cells hold longer tokens."""
_SAME = "\u200b"
"""A zero-width mark: Plotly would merge columns with equal labels."""


def mask_map(rows: pd.DataFrame, *, title: str, subtitle: str, layers: int, layer_title: str) -> go.Figure:
    """A probability at each depth (vertical), with the context hidden from each layer on (horizontal).

    `rows` has the columns `layer`, `from_layer`, `value`, `low`, `high` and `n`.
    """
    wide = rows.pivot_table(index="layer", columns="from_layer", values="value").sort_index()
    hover = rows.assign(text=[_mask_hover(row, layers) for row in rows.to_dict("records")])
    texts = hover.pivot_table(index="layer", columns="from_layer", values="text", aggfunc="first").sort_index()
    hidden = [int(layer) for layer in wide.columns]
    places = [str(layer) if layer < layers else "never" for layer in hidden]
    figure = go.Figure(
        go.Heatmap(
            z=wide.to_numpy().tolist(),
            x=list(range(len(places))),
            y=[int(layer) for layer in wide.index],
            hovertext=texts.to_numpy().tolist(),
            hovertemplate="%{hovertext}<extra></extra>",
            texttemplate="%{z:.0%}" if len(places) <= _WRITTEN else None,
            meta={"role": "cells"},
            **_COLOURS,
        )
    )
    figure.add_trace(_border(hidden, layers))
    _lay_out(figure, title, subtitle, layers)
    figure.update_layout(
        xaxis={
            "title": {"text": "first layer from which the context is hidden"},
            "tickmode": "array",
            "tickvals": list(range(len(places))),
            "ticktext": places,
        },
        yaxis={"title": {"text": escape(layer_title).replace(" (", "<br>(")}},
    )
    return figure


def token_map(rows: pd.DataFrame, column: str, *, title: str, subtitle: str, columns: str) -> go.Figure:
    """The most probable token at each depth (vertical) for each value of a column of the readings (horizontal)."""
    order = list(dict.fromkeys(rows[column]))
    depths = sorted(set(rows["layer"].astype(int)))
    cells = {(row["layer"], row[column]): row for row in rows.to_dict("records")}
    grid = [[cells[depth, value] for value in order] for depth in depths]
    labels = [shown(str(row["next_token"])) + _SAME * place for place, row in enumerate(grid[0])]
    figure = go.Figure(
        go.Heatmap(
            z=[[float(row["top_probabilities"][0]) for row in line] for line in grid],
            x=list(range(len(order))),
            y=depths,
            text=[[_cell(row, 9 if len(order) <= _ROOMY else 7) for row in line] for line in grid],
            texttemplate="%{text}",
            textfont={"size": 12 if len(order) <= _ROOMY else 11},
            hovertext=[[_token_hover(row) for row in line] for line in grid],
            hovertemplate="%{hovertext}<extra></extra>",
            meta={"role": "cells"},
            **_COLOURS,
        )
    )
    _lay_out(figure, title, subtitle, len(depths) - 1)
    figure.update_layout(
        xaxis={
            "title": {"text": escape(columns)},
            "tickmode": "array",
            "tickvals": list(range(len(order))),
            "ticktext": labels,
            "tickangle": -40,
        },
        yaxis={"title": {"text": "layer entered"}},
    )
    return figure


def _cell(row: dict, limit: int) -> str:
    """The most probable token, cut to fit; bold where it is the right one."""
    text = shown(str(row["top_tokens"][0]), limit)
    return f"<b>{text}</b>" if row["reference_rank"] == 1 else text


def shown(token: str, limit: int = 16) -> str:
    """A token for a picture: escaped, its line ends visible, long ones cut; an open box for one of spaces alone."""
    flat = token.replace("\n", "⏎")
    text = flat.strip() or ("␣" if flat else "∅")
    return escape(text if len(text) <= limit else text[: limit - 1] + "…")


_COLOURS = {
    "zmin": 0,
    "zmax": 1,
    "autocolorscale": True,
    "xgap": 2,
    "ygap": 2,
    "colorbar": {
        "title": {"text": "probability", "side": "right"},
        "tickformat": ".0%",
        "thickness": 12,
        "outlinewidth": 0,
        "len": 1,
    },
}


def _border(hidden: list[int], layers: int) -> go.Scatter:
    """Above it the context is hidden."""
    steps = [(place, layer) for place, layer in enumerate(hidden) if layer < layers]
    return go.Scatter(
        x=[x for place, _ in steps for x in (place - 0.5, place + 0.5)],
        y=[layer + 0.5 for _, layer in steps for _ in range(2)],
        mode="lines",
        line={"color": theme.VERMILLION, "width": 2.5},
        hoverinfo="skip",
        showlegend=False,
        meta={"role": "where hiding begins"},
    )


def _mask_hover(row: dict, layers: int) -> str:
    hidden = int(row["from_layer"])
    where = "nothing hidden" if hidden >= layers else f"hidden from layer {hidden} on"
    interval = f"95 % interval [{row['low']:.1%}, {row['high']:.1%}]"
    depth = f"<b>entering layer {int(row['layer'])}</b>" if row["layer"] < layers else "<b>the model's own answer</b>"
    return f"{depth}<br>{where}<br><b>{row['value']:.1%}</b>  {interval}  n = {int(row['n'])} prompts"


def _token_hover(row: dict) -> str:
    best = [
        f"{probability:.1%}  “{escape(str(token))}”"
        for token, probability in zip(row["top_tokens"], row["top_probabilities"], strict=True)
    ]
    answer = (
        f"“{escape(str(row['next_token']))}”: rank {int(row['reference_rank'])}, {row['reference_probability']:.1%}"
    )
    lines = [f"<b>entering layer {int(row['layer'])}</b>", *best, "", f"the answer {answer}"]
    return "<br>".join(
        [*lines, f"<b>source</b>  {wrapped(str(row['query']))}", f"<b>answer</b>  {wrapped(str(row['answer']))}"]
    )


def _lay_out(figure: go.Figure, title: str, subtitle: str, layers: int) -> None:
    ticks = layer_ticks(layers)
    top, bottom = 82, 84
    height = max(_LEAST_HEIGHT, min(_ROW * (layers + 1), 900))
    axis = {"showgrid": False, "showline": False, "ticks": ""}
    figure.update_layout(
        template="workbench",
        title={"text": escape(title), "subtitle": {"text": subtitle}},
        height=top + height + bottom,
        margin={"t": top, "b": bottom, "l": 76, "r": 24},
        xaxis=axis,
        yaxis={**axis, "tickmode": "array", "tickvals": ticks, "ticktext": [str(tick) for tick in ticks]},
    )
