"""Means over prompts, layer by layer, with intervals.

Prompts are resampled jointly over all layers and conditions, so that a hard prompt is hard in every point of a
replicate. The unit drawn is the test item, by the prompt's name: one that several seeds share is drawn for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.random_streams import stream
from workbench.statistics.resampling import percentile_interval, resampling_weights

COLUMNS = ("quantity", "value", "low", "high", "n")


def layer_means(
    table: pd.DataFrame, keys: Sequence[str], quantities: Sequence[str], *, draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """The mean of each quantity for each combination of keys, with its 95 % percentile interval.

    Args:
        table: a row for each prompt and combination, with the columns `keys`, `quantities`, "model", "task" and
            "prompt"; a quantity that is missing throughout a combination is left out there.
        keys: what a mean is about.
        quantities: columns of numbers.
        draws: bootstrap replicates.
        seed: of the bootstrap.

    Returns:
        `keys` and `COLUMNS`, a row for each combination and quantity; `n` counts the rows behind a mean.
    """
    found = []
    for (model, task), rows in table.groupby(["model", "task"], sort=False):
        generator = stream(seed, "layer means", str(model), str(task))
        found.append(_of_task(rows, list(keys), list(quantities), draws, generator))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=[*keys, *COLUMNS])


def _of_task(
    rows: pd.DataFrame, keys: list[str], quantities: list[str], draws: int, generator: np.random.Generator
) -> pd.DataFrame:
    items, item = np.unique(rows["prompt"].to_numpy(dtype=object).astype(str), return_inverse=True)
    grouped = rows.groupby(keys, sort=False, dropna=False)
    group, names = grouped.ngroup().to_numpy(), grouped.head(1)[keys].reset_index(drop=True)
    values = rows[quantities].to_numpy(dtype=np.float64)
    there = ~np.isnan(values)
    shape = (len(items), len(names), len(quantities))
    sums, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, (item, group), np.where(there, values, 0.0))
    np.add.at(counts, (item, group), there.astype(np.float64))
    weights = resampling_weights(len(items), draws, generator)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums.sum(0) / counts.sum(0)
        replicates = np.tensordot(weights, sums, axes=1) / np.tensordot(weights, counts, axes=1)
    low, high = percentile_interval(replicates)
    parts = [
        names.assign(quantity=name, value=means[:, at], low=low[:, at], high=high[:, at], n=counts.sum(0)[:, at])
        for at, name in enumerate(quantities)
    ]
    table = pd.concat(parts, ignore_index=True)
    return table[table["n"] > 0].astype({"n": int}).reset_index(drop=True)
