"""Pictures, sentences and the table of a tuned lens beside the logit lens."""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench.statistics.lens_curves import SERIES, compared_means
from workbench.views import theme
from workbench.views.curves import file_name
from workbench.views.layer_curves import LayerCurve, layer_figure
from workbench.views.lens import DEPTH
from workbench.views.report import Picture, Table
from workbench.views.text import escape, number, plural

_KEYS = [name for name in SERIES if name != "lens"]
_LENSES = {"logit lens": (theme.VERMILLION, "square", "6px,3px"), "tuned lens": (theme.BLUE, "circle", "solid")}
_QUANTITIES = {
    "divergence_final": ("divergence", "how far from the model's own answer", "KL(answer ‖ lens), nats"),
    "cross_entropy": ("loss", "loss on the token that follows", "cross-entropy, nats"),
    "bias": ("bias", "bias towards some tokens", "KL between mean distributions, nats"),
    "reference_probability": ("probability", "the token that follows", "probability (mean)"),
}
_PLACES = {"answer": "at the answer", "reference": "at the answer's tokens", "all": "at all positions"}
_CAPTION = "Test prompts, none of which the lens was trained on; the last layer has no translator."


def pictures(table: pd.DataFrame) -> dict[str, Picture]:
    """A picture for each task and quantity."""
    means = compared_means(table)
    varying = [key for key in ("model", "format", "examples") if table[key].nunique() > 1]
    found: dict[str, Picture] = {}
    for values, own in means.groupby(_KEYS, sort=False):
        fields = dict(zip(_KEYS, values, strict=True))
        head = ".".join([str(fields["task"]), *(str(fields[key]) for key in varying)])
        for quantity, (short, words, unit) in _QUANTITIES.items():
            name = file_name(f"{head}.{short}")
            rows = own[own["quantity"] == quantity]
            layers = int(str(fields["n_layers"]))
            figure = layer_figure(
                [LayerCurve(lens, rows[rows["lens"] == lens], *style) for lens, style in _LENSES.items()],
                title=f"{fields['task']}: {words}",
                subtitle=_subtitle(fields, own),
                layers=layers,
                layer_title=DEPTH.format(n=layers),
                value_title=unit,
                percent=quantity == "reference_probability",
                counted="positions",
            )
            found[name] = Picture(name, figure, _CAPTION, head.replace(".", " · "))
    return found


def _subtitle(fields: dict[str, Any], rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    making = f"{plural(int(fields['examples']), 'example')} · {escape(str(fields['format']))}"
    return (
        f"model <b>{escape(str(fields['model']))}</b> · {making} · {_PLACES[str(first['positions'])]}<br>"
        f"n = {int(rows['n'].max())} positions of test prompts · band: 95 % interval · trained on "
        f"{escape(str(first['trained_on']))}"
    )


def findings(table: pd.DataFrame) -> list[str]:
    """A sentence for each task: what translating brings, averaged over the depths that have a translator; where it is."""
    means = compared_means(table)
    means = means[(means["layer"] > 0) & (means["layer"] < means["n_layers"])]
    said = []
    for values, own in means.groupby(_KEYS, sort=False):
        average = own.groupby(["quantity", "lens"])["value"].mean()
        parts = [
            f"{what} {number(average[quantity, 'logit lens'])} → {number(average[quantity, 'tuned lens'])} nats"
            for quantity, what in (
                ("divergence_final", "divergence from the answer"),
                ("cross_entropy", "loss on the next token"),
                ("bias", "bias"),
            )
        ]
        fields = dict(zip(_KEYS, values, strict=True))
        said.append(
            f"{fields['task']} ({fields['model']}), from the logit lens to the tuned lens, mean over layers 1 to "
            f"{int(str(fields['n_layers'])) - 1}: {'; '.join(parts)}."
        )
    folders = dict.fromkeys(table["lens_folder"])
    return [*said, *(f"workbench run logit-lens --lens {folder} reads with this lens." for folder in folders)]


def comparison_table(table: pd.DataFrame) -> Table:
    """A row for each task and depth, both lenses beside each other."""
    means = compared_means(table)
    rows = []
    for values, own in means.groupby([*_KEYS, "layer"], sort=False):
        fields = dict(zip([*_KEYS, "layer"], values, strict=True))
        cells = own.set_index(["quantity", "lens"])["value"]
        row = {"Task": fields["task"], "Layer": int(str(fields["layer"]))}
        for quantity, word in (("divergence_final", "KL"), ("cross_entropy", "Loss"), ("bias", "Bias")):
            row |= {f"{word}, {lens}": number(float(cells[quantity, lens])) for lens in _LENSES}
        rows.append(row)
    caption = "In nats: divergence from the model's own answer, loss on the token that follows, bias. Test prompts."
    return Table("Both lenses by layer", pd.DataFrame(rows), caption)
