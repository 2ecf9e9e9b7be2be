"""Pictures and table of pass@k by layer, where several seeds wrote programs for the same problems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from workbench.scoring.pass_at_1 import NAME
from workbench.scoring.pass_at_k import KEYS, pass_at_k_table
from workbench.views import theme
from workbench.views.curves import file_name
from workbench.views.layer_curves import LayerCurve, layer_figure
from workbench.views.report import Picture, Table
from workbench.views.tables import passing_table, without_constants
from workbench.views.text import MASK_WORDS, escape, plural

SECTION = "pass@k"
_CURVE = [key for key in KEYS if key != "from_layer"]
_MOST_LINES = 6
_STEPS = (1, 2, 5, 10, 20, 50, 100)
_CAPTION = (
    "Share of problems that at least one of k programs solves, when a part of the prompt is hidden from each layer on."
)


def passing(measurements: pd.DataFrame) -> tuple[list[Picture], list[Table]]:
    """A picture for every curve with more than one k, and the table of all of them; none where there is no such curve."""
    if NAME not in measurements:
        return [], []
    # Tasks that are not judged by tests leave the column empty.
    judged = measurements[measurements[NAME].notna()]
    # A curve of one seed has no other k than 1, which is drawn elsewhere.
    judged = judged[judged.groupby(_CURVE)["seed"].transform("nunique") > 1]
    if judged.empty:
        return [], []
    estimates = pass_at_k_table(judged)
    depths = dict(zip(judged["model"], judged["n_layers"].astype(int), strict=True))
    varying = [key for key in ("model", "format", "examples", "mask") if estimates[key].nunique() > 1]
    pictures = []
    for values, rows in estimates.groupby(_CURVE, sort=False):
        curve = dict(zip(_CURVE, values, strict=True))
        name = file_name(".".join([str(curve["task"]), "pass_at_k", *(str(curve[key]) for key in varying)]))
        pictures.append(Picture(name, passing_figure(rows, depths[str(curve["model"])]), _CAPTION, SECTION))
    short, said = without_constants(passing_table(estimates))
    words = ": ".join(part for part in ("Unbiased, from one greedy program for each seed's examples", said) if part)
    return pictures, [Table("pass@k", short, f"{words}.")]


def passing_figure(estimates: pd.DataFrame, n_layers: int) -> go.Figure:
    """One curve's rows of `workbench.scoring.pass_at_k.pass_at_k_table` by layer, a line for each k."""
    first: dict[Any, Any] = estimates.iloc[0].to_dict()
    ks = _shown(sorted(set(estimates["k"].astype(int))))
    rows = estimates.rename(columns={"from_layer": "layer", "problems": "n"})
    hidden = MASK_WORDS.get(first["mask"], first["mask"])
    return layer_figure(
        [
            LayerCurve(f"pass@{k}", rows[rows["k"] == k], colour, symbol)
            for k, colour, symbol in zip(ks, theme.ordered(len(ks)), theme.SYMBOLS, strict=False)
        ],
        title=f"{first['task']}: pass@k, {hidden}",
        subtitle=_subtitle(first, int(estimates["programs"].max())),
        layers=n_layers,
        layer_title=f"first layer from which that is hidden (0 = every layer; {n_layers} = never)",
        value_title="pass@k (share of problems)",
        counted="problems",
    )


def _subtitle(first: dict[Any, Any], seeds: int) -> str:
    making = (
        f"{plural(int(first['examples']), 'example')} · {escape(str(first['format']))} · mask {escape(first['mask'])}"
    )
    return (
        f"model <b>{escape(str(first['model']))}</b> · {making}<br>"
        f"n = {plural(int(first['problems']), 'problem')} · a greedy program for each of {plural(seeds, 'seed')} · "
        "band: 95 % interval"
    )


def _shown(ks: Sequence[int]) -> Sequence[int]:
    """All, or where these would be too many lines, some of them and the last."""
    return ks if len(ks) <= _MOST_LINES else [k for k in ks if k in _STEPS or k == ks[-1]]
