"""Pictures of induction scores: every head, layer by head."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from workbench.statistics.layer_means import layer_means
from workbench.views.curves import file_name
from workbench.views.layer_profiles import PROFILE_COLUMNS
from workbench.views.panels import Panel, Scale, panel_figure
from workbench.views.report import Picture, Table
from workbench.views.text import escape, number

SERIES = ["model", "n_layers", "task", "length", "repeats", "even_attention"]
"""What one figure is about."""
SCORES = {"prefix_matching": "prefix matching", "copying": "copying"}
_NAMED = 5
_FULL = 0.25
"""The colours' scale ends here at the earliest, so that noise is not drawn as if it were a finding."""


def pictures(table: pd.DataFrame) -> list[Picture]:
    """One picture for each model and kind of sequence."""
    found = []
    means = _means(table)
    for values, own in means.groupby(SERIES, sort=False):
        fields = dict(zip(SERIES, values, strict=True))
        name = file_name(f"{fields['model']}.induction.{fields['length']}x{fields['repeats']}")
        found.append(Picture(name, _figure(own, fields), _CAPTION, str(fields["model"])))
    return found


_CAPTION = (
    "Prefix matching: attention to the tokens behind earlier occurrences of the same token. Copying: share of the token "
    "looked at most in what the head raises. Both are shares of one."
)


def findings(table: pd.DataFrame) -> list[str]:
    """For each model the heads with the highest scores."""
    said = []
    for values, own in _means(table).groupby(SERIES, sort=False):
        fields = dict(zip(SERIES, values, strict=True))
        parts = []
        for score, words in SCORES.items():
            top = own[own["quantity"] == score].sort_values("value", ascending=False).head(_NAMED)
            named = ", ".join(
                f"{row['layer']}.{row['head']} ({number(row['value'])})" for row in top.to_dict("records")
            )
            parts.append(f"{words} {named}")
        said.append(
            f"{fields['model']}, {_sequences(fields)}: highest {'; '.join(parts)}. Attention that is spread evenly has a "
            f"prefix matching of {number(fields['even_attention'])}."
        )
    return said


def score_table(table: pd.DataFrame) -> Table:
    """Every head's scores, the best prefix matching first."""
    rows = []
    for (model, layer, head), own in _means(table).groupby(["model", "layer", "head"], sort=False):
        cells: dict[str, Any] = {"Model": model, "Head": f"{layer}.{head}"}
        for row in own.to_dict("records"):
            words = SCORES[str(row["quantity"])].capitalize()
            cells[words] = round(float(row["value"]), 4)
            cells[f"{words}, 95 % interval"] = f"{number(row['low'])} to {number(row['high'])}"
        rows.append(cells)
    frame = pd.DataFrame(rows).sort_values("Prefix matching", ascending=False).reset_index(drop=True)
    return Table("Scores", frame, _CAPTION)


def induction_profile(table: pd.DataFrame) -> pd.DataFrame:
    """The highest prefix-matching score of each layer's heads."""
    means = _means(table)
    rows = means[means["quantity"] == "prefix_matching"]
    best = rows.loc[rows.groupby([*SERIES, "layer"], sort=False)["value"].idxmax()]
    return best.assign(quantity="prefix matching of the layer's best head (share of attention)")[
        list(PROFILE_COLUMNS)
    ].reset_index(drop=True)


def _means(table: pd.DataFrame) -> pd.DataFrame:
    return layer_means(table, [*SERIES, "layer", "head"], list(SCORES))


def _sequences(fields: dict[str, Any]) -> str:
    return f"{fields['length']} random tokens, {fields['repeats']} times over"


def _figure(means: pd.DataFrame, fields: dict[str, Any]) -> go.Figure:
    panels = []
    for score, words in SCORES.items():
        own = means[means["quantity"] == score]
        hover = [
            f"<b>head {row['layer']}.{row['head']}</b><br>{words}<br><b>{row['value']:.1%}</b>  "
            f"95 % interval [{row['low']:.1%}, {row['high']:.1%}]  n = {int(row['n'])} sequences"
            for row in own.to_dict("records")
        ]
        panels.append(Panel(words, own.assign(x=own["head"], y=own["layer"], hover=hover)))
    return panel_figure(
        panels,
        Scale("score (share)", 0.0, max(_FULL, float(means["value"].max())), percent=True),
        title=f"Induction scores of the heads of {fields['model']}",
        subtitle=(
            f"{escape(_sequences(fields))}; copying: all different<br>n = {int(means['n'].max())} sequences, mean · "
            f"prefix matching of even attention: {number(fields['even_attention'])}"
        ),
        layers=int(fields["n_layers"]),
        x_title="head (from 0)",
        columns=2,
    )
