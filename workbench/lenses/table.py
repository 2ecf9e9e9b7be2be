"""Readings as columns of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from workbench.lenses.readout import Readings
from workbench.lenses.token_groups import GROUPS, TokenGroups
from workbench.lenses.token_labels import token_label
from workbench.models.model import Model


def reading_columns(
    model: Model, readings: Readings, labels: Sequence[str], groups: TokenGroups
) -> Iterator[pd.DataFrame]:
    """For each depth a row for each position, all of it numbers but for the most probable tokens.

    Args:
        model: whose tokens they are.
        readings: compared with their own last depth and, if with a second distribution, with the unmasked run's.
        labels: what the tokens asked for are called in the columns.
        groups: what the masses are of; a group that is empty has missing values.
    """
    settled = _settled(readings)
    text = {token: token_label(model, token) for token in set(readings.top_ids.flatten().tolist())}
    for depth in range(len(readings.rank)):
        columns: dict[str, object] = {}
        for index, label in enumerate(labels):
            log_probability = readings.log_probability[depth, :, index].double()
            columns[f"{label}_rank"] = readings.rank[depth, :, index].double().tolist()
            columns[f"{label}_probability"] = log_probability.exp().tolist()
            columns[f"{label}_log_probability"] = log_probability.tolist()
        for index, (name, present) in enumerate(zip(GROUPS, groups.present, strict=True)):
            mass = readings.mass[depth, :, index].double().tolist()
            columns[f"{name}_group"] = mass if present else [float("nan")] * len(mass)
        columns["entropy"] = readings.entropy[depth].double().tolist()
        for name, values in zip(("final", "unmasked"), readings.divergence[depth].double().unbind(-1), strict=False):
            columns[f"divergence_{name}"] = values.tolist()
        columns["settled"] = settled[depth]
        columns["top_tokens"] = [[text[token] for token in row] for row in readings.top_ids[depth].tolist()]
        columns["top_probabilities"] = readings.top_log_probabilities[depth].double().exp().tolist()
        yield pd.DataFrame(columns)


def _settled(readings: Readings) -> list[list[float]]:
    """1 from the depth on from which the most probable token stays the last depth's: the prediction depth and beyond."""
    same = readings.top_ids[..., 0] == readings.top_ids[-1, :, 0]
    return same.flip(0).long().cumprod(0).flip(0).double().tolist()
