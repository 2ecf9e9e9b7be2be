"""Where heads look in one prompt, token by token."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from workbench.views.lens_maps import shown
from workbench.views.text import escape

_HEADS_SHOWN = 12


def token_map(rows: pd.DataFrame, context: pd.DataFrame, fields: dict[str, Any]) -> go.Figure:
    """The weights of the heads that look at the context most, over the first prompt's tokens.

    Args:
        rows: what was measured; the first prompt's have the columns `weights` and, in one row, `tokens`.
        context: each head's share on the context: `layer`, `head`, `value`.
        fields: what the figure is about.
    """
    context = context.sort_values("value", ascending=False).head(_HEADS_SHOWN)
    tokens = [str(token) for token in rows.loc[rows["tokens"].notna(), "tokens"].iloc[0]]
    kept = rows[rows["weights"].notna()].set_index(["layer", "head"])["weights"]
    heads = [(int(row["layer"]), int(row["head"])) for row in context.to_dict("records")][::-1]
    weights = np.array([np.asarray(kept.loc[head], dtype=float) for head in heads])
    figure = go.Figure(
        go.Heatmap(
            z=np.sqrt(weights).tolist(),
            zmin=0,
            zmax=1,
            x=list(range(len(tokens))),
            y=list(range(len(heads))),
            autocolorscale=True,
            ygap=2,
            xgap=1 if len(tokens) <= 60 else 0,
            hovertext=[
                [
                    f"<b>head {layer}.{head}</b> to “{shown(token, 40)}” (position {position})<br>{weight:.1%}"
                    for position, (token, weight) in enumerate(zip(tokens, line, strict=True))
                ]
                for (layer, head), line in zip(heads, weights, strict=True)
            ],
            hovertemplate="%{hovertext}<extra></extra>",
            colorbar={
                "title": {"text": "attention", "side": "right"},
                "tickmode": "array",
                "tickvals": [share**0.5 for share in (0, 0.05, 0.25, 0.5, 1)],
                "ticktext": ["0 %", "5 %", "25 %", "50 %", "100 %"],
                "thickness": 12,
                "outlinewidth": 0,
            },
            meta={"role": "cells"},
        )
    )
    step = max(1, len(tokens) // 120)
    ticks = list(range(0, len(tokens), step))
    subtitle = f"{escape(str(fields['model']))} · first prompt · colours by the root of the weight"
    figure.update_layout(
        template="workbench",
        title={
            "text": escape(f"{fields['task']}: the heads that look at the context most"),
            "subtitle": {"text": subtitle},
        },
        height=92 + 24 * len(heads) + 120,
        margin={"t": 92, "b": 120, "l": 76, "r": 24},
        xaxis={
            "tickmode": "array",
            "tickvals": ticks,
            "ticktext": [shown(tokens[place], 14) for place in ticks],
            "tickangle": -90,
            "tickfont": {"size": 9},
            "showgrid": False,
            "ticks": "",
        },
        yaxis={
            "title": {"text": "layer.head"},
            "tickmode": "array",
            "tickvals": list(range(len(heads))),
            "ticktext": [f"{layer}.{head} " for layer, head in heads],
            "showgrid": False,
            "ticks": "",
        },
    )
    return figure
