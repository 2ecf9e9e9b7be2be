"""From a table of lens readings to curves by depth: what is drawn, said and put on the layer axis."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.statistics.layer_means import layer_means

SERIES = ["model", "n_layers", "task", "format", "examples", "lens"]
"""What one figure is about."""
KEYS = [*SERIES, "kind", "normalisation", "answer_group_name", "source_group_name", "mask", "from_layer", "layer"]
_RANK = "_rank"


def lens_means(table: pd.DataFrame) -> pd.DataFrame:
    """Means over prompts at the position of the answer, with intervals: `KEYS`, quantity, value, low, high, n.

    Ranks are averaged geometrically, since one prompt at rank 1,000 would hide a hundred at rank 1.
    """
    rows = table[table["offset"] == 0]
    numbers = [name for name in rows.columns if name not in KEYS and pd.api.types.is_float_dtype(rows[name])]
    ranks = [name for name in numbers if name.endswith(_RANK)]
    means = layer_means(rows.assign(**{name: np.log(rows[name]) for name in ranks}), KEYS, numbers)
    ranked = means["quantity"].isin(ranks)
    for column in ("value", "low", "high"):
        means[column] = means[column].where(~ranked, np.exp(means[column].where(ranked, 0.0)))
    return means


def unmasked(means: pd.DataFrame) -> pd.DataFrame:
    """The rows of the unmasked run, which every mask has."""
    rows = means[means["from_layer"] == means["n_layers"]]
    return rows.drop_duplicates([*SERIES, "layer", "quantity"])


def first_depth(curve: pd.DataFrame, threshold: float) -> int | None:
    """The first depth from which on the mean stays at or above a threshold; None if it does not end there."""
    ordered = curve.sort_values("layer")
    failing = ordered.loc[ordered["value"] < threshold, "layer"]
    if failing.empty:
        return int(ordered["layer"].iloc[0])
    later = ordered.loc[ordered["layer"] > failing.iloc[-1], "layer"]
    return int(later.iloc[0]) if len(later) else None


def compared_means(table: pd.DataFrame) -> pd.DataFrame:
    """Means over all positions of lenses read side by side, with intervals; the bias as it was measured.

    Columns: `SERIES` but with a row for each lens, `layer`, quantity, value, low, high, n.
    """
    keys = [*SERIES, "positions", "trained_on", "layer"]
    rows = table[table["prompt"] != "all"]
    means = layer_means(rows, keys, ["divergence_final", "cross_entropy", "reference_probability", "entropy"])
    bias = table[table["prompt"] == "all"].rename(columns={"bias": "value", "bias_low": "low", "bias_high": "high"})
    counts = rows.drop_duplicates([*keys, "seed", "prompt", "position"]).groupby(keys)["prompt"].size()
    bias = bias[[*keys, "value", "low", "high"]].assign(quantity="bias")
    bias["n"] = [int(counts[tuple(row)]) for row in bias[keys].itertuples(index=False)]
    return pd.concat([means, bias], ignore_index=True)
