"""Curves that papers published, as a small table of facts, to be drawn behind one's own.

Here: the context-masking curves of paper A's NeurIPS version (Sia, Mueller and Duh 2024, FLORES English to
French, 5 examples, BLEU), read off the figures in its notebooks to within 0.4 BLEU; the two ceilings are
printed there. Everything else that it published in numbers, and how it was made: `workbench.published.papers`.

How the readings were entered. Layers count from 0 here, from 1 in the paper. Every row is a layer for which
a value was read; layers that could not be read are absent and nothing is interpolated. Where one value was
read for a range of layers ("at most 1.7 up to 10", "then about 41"), every layer of the range has a row
with that value and the note names the range. The note also keeps "~" (about; the marker was partly hidden),
"<" and "<=" (an upper bound, entered as the value), and, where a range of values was read for a range of
layers, both ends, of which the middle is entered.
"""

from __future__ import annotations

from importlib import resources

import pandas as pd

from workbench.errors import UserError

__all__ = ["curves_behind", "published_curves", "published_series"]

_TYPES = {"from_layer": "int64", "score": "float64"}


def published_curves() -> pd.DataFrame:
    """All published points, one row each.

    Columns: paper, model, direction, mask, format, series (the mask in words), from_layer, score, note, source (the
    figure), read (how it was read). The ceiling is the row with mask "none", whose `from_layer` is the model's number of
    layers.
    """
    with resources.files(__package__).joinpath("context_masking.tsv").open(encoding="utf-8") as file:
        return pd.read_csv(file, sep="\t", keep_default_na=False, dtype=str, comment="#").astype(_TYPES)


def published_series(model: str, mask: str, format: str) -> pd.DataFrame:
    """One curve in order of layers, its last row the model's ceiling; ready for `recognise`.

    Raises `UserError` if no such curve was published.
    """
    table = published_curves()
    of_model = table[table["model"] == model]
    points = of_model[(of_model["mask"] == mask) & (of_model["format"] == format)]
    if points.empty or mask == "none":
        known = table.loc[table["mask"] != "none", ["model", "mask", "format"]].drop_duplicates()
        names = "; ".join(" ".join(row) for row in known.itertuples(index=False))
        raise UserError(f"No published curve for {model} {mask} {format}. There are: {names}.")
    whole = pd.concat([points, of_model[of_model["mask"] == "none"]])
    return whole.sort_values("from_layer").reset_index(drop=True)


def curves_behind(model: str | None) -> pd.DataFrame | None:
    """The published curves of a model as figures draw them behind one's own, named by direction; None for None.

    Raises `UserError` if there are none of that model.
    """
    if model is None:
        return None
    curves = published_curves()
    if model not in set(curves["model"]):
        known = ", ".join(dict.fromkeys(curves["model"]))
        raise UserError(f"No published curves for {model!r}; there are those of {known}.")
    curves = curves[curves["model"] == model]
    # They are of one direction and one test set, whatever is drawn before them.
    return curves.assign(model=curves["model"] + " FLORES " + curves["direction"])
