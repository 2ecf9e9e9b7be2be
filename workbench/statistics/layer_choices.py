"""From rows about chosen layers to a score for each choice, with intervals, and to the rank correlation of two such curves.

`rank_correlation` compares two curves as they are; `overlap` asks whether the layers that are missed when they are removed are
those at which a masking curve rises.

A row is one prompt under one choice of layers: a single one that was trained or removed, all, or none. Prompts are resampled
jointly over all choices; the unit drawn is the test item, by the prompt's name, and one that several seeds share is drawn for
all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from workbench.random_streams import stream
from workbench.scoring import SCORE_NAMES, Score, score_named
from workbench.statistics.resampling import percentile_interval, resampling_weights

DRAWS = 1000
"""Bootstrap replicates."""


@dataclass(frozen=True)
class Statistics:
    """Sufficient statistics of one score for each choice and test item, summed over seeds."""

    choices: tuple[Any, ...]
    items: tuple[str, ...]
    values: Float[np.ndarray, "choice item statistic"]
    n: int
    """Prompts behind a choice, at most."""


def main_score(table: pd.DataFrame) -> Score:
    """The first score of a table: the task's own."""
    return score_named(next(name for name in table.columns if name in SCORE_NAMES and table[name].notna().any()))


def statistics_of(rows: pd.DataFrame, choice: str, score: Score) -> Statistics:
    """The statistics of a score in those rows, by the values of the column `choice` in their order."""
    choices = tuple(dict.fromkeys(rows[choice]))
    items = tuple(sorted(set(rows["prompt"])))
    place, column = ({name: at for at, name in enumerate(names)} for names in (items, choices))
    values = np.zeros((len(choices), len(items), len(rows[score.name].iloc[0])))
    for which, prompt, statistics in zip(rows[choice], rows["prompt"], rows[score.name], strict=True):
        values[column[which], place[prompt]] += np.asarray(statistics, dtype=np.float64)
    return Statistics(choices, items, values, int(rows[choice].value_counts().max()))


def score_by_choice(rows: pd.DataFrame, choice: str, score: Score, *names: str) -> pd.DataFrame:
    """The score of each choice: the column `choice`, then value, low, high (95 %), n; `names` name the random stream."""
    found = statistics_of(rows, choice, score)
    weights = resampling_weights(len(found.items), DRAWS, stream(0, "layer choices", score.name, *names))
    low, high = percentile_interval(score.aggregate(_resampled(found, weights)))
    value = score.aggregate(found.values.sum(1))
    return pd.DataFrame({choice: found.choices, "value": value, "low": low, "high": high, "n": found.n})


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation of two curves over the layers that both have."""

    value: float
    """NaN where one curve is the same at every layer."""
    low: float
    """Ends of the 95 % interval over resampled prompts."""
    high: float
    layers: int
    """Layers that both curves have."""


def rank_correlation(first: Statistics, second: Statistics, score: Score, *names: str) -> RankCorrelation:
    """How far two curves of one score rise and fall together by layer.

    Items are resampled jointly for both curves. A replicate in which one curve is flat counts as no correlation.
    """
    layers = [layer for layer in first.choices if layer in set(second.choices)]
    curves = _joint_curves([(first, layers), (second, layers)], score, "rank correlation", *names)
    return _correlation(*curves)


def overlap(removed: Statistics, hidden: Statistics, score: Score, *names: str) -> RankCorrelation:
    """How far the layers whose removal costs most are those at which the masking curve rises most.

    The rise at layer l is the score with the context hidden from layer l + 1 on less that with it hidden from l on: what
    layer l still takes from the context. Positive where critical layers lie in the steep phase.

    Args:
        removed: the score with each layer removed alone.
        hidden: the score with the context hidden from each layer on, the last one being that at which nothing is hidden.
        score: the score of both.
        names: of the random stream.
    """
    layers = [layer for layer in sorted(removed.choices) if {layer, layer + 1} <= set(hidden.choices)]
    ends = sorted({*layers, *(layer + 1 for layer in layers)})
    costs, curves = _joint_curves([(removed, layers), (hidden, ends)], score, "overlap", *names)
    return _correlation(-costs, _rises(curves, ends, layers))


def rises(hidden: Statistics, score: Score, *names: str) -> pd.DataFrame:
    """The rise of a masking curve at each layer, as in `overlap`: layer, value, low, high (95 %)."""
    ends = sorted(hidden.choices)
    layers = [layer for layer in ends if layer + 1 in ends]
    (curves,) = _joint_curves([(hidden, ends)], score, "rises", *names)
    value, *replicates = _rises(curves, ends, layers)
    low, high = percentile_interval(np.array(replicates))
    return pd.DataFrame({"layer": layers, "value": value, "low": low, "high": high})


def _joint_curves(
    wanted: Sequence[tuple[Statistics, Sequence[Any]]], score: Score, *names: str
) -> list[Float[np.ndarray, "draws _"]]:
    """Each curve at its layers: first as measured, then for prompts resampled jointly for all curves."""
    items = sorted({item for found, _ in wanted for item in found.items})
    weights = resampling_weights(len(items), DRAWS, stream(0, *names[:1], score.name, *names[1:]))
    together = np.concatenate([np.ones((1, len(items))), weights])
    curves = []
    for found, layers in wanted:
        own = together[:, [items.index(item) for item in found.items]]
        curves.append(score.aggregate(_resampled(found, own)[:, [found.choices.index(layer) for layer in layers]]))
    return curves


def _rises(
    curves: Float[np.ndarray, "draws point"], ends: Sequence[int], layers: Sequence[int]
) -> Float[np.ndarray, "draws layer"]:
    before, after = ([ends.index(layer + step) for layer in layers] for step in (0, 1))
    return np.asarray(curves[:, after] - curves[:, before])


def _correlation(first: Float[np.ndarray, "draws layer"], second: Float[np.ndarray, "draws layer"]) -> RankCorrelation:
    """Of the first row of both; the others give the interval."""
    value, *replicates = spearman(first, second)
    low, high = percentile_interval(np.nan_to_num(np.array(replicates)))
    return RankCorrelation(float(value), float(low), float(high), first.shape[1])


def spearman(
    first: Float[np.ndarray, "draws layer"], second: Float[np.ndarray, "draws layer"]
) -> Float[np.ndarray, " draws"]:
    """Spearman's rank correlation of each row of one with that of the other, ties by their mean rank; NaN for a flat row."""
    ranks = [pd.DataFrame(curves).rank(axis=1).to_numpy() for curves in (first, second)]
    left, right = (rank - rank.mean(1, keepdims=True) for rank in ranks)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((left * right).sum(1) / np.sqrt((left**2).sum(1) * (right**2).sum(1)))


def _resampled(
    found: Statistics, weights: Float[np.ndarray, "draws item"]
) -> Float[np.ndarray, "draws choice statistic"]:
    return np.asarray(np.einsum("di,cis->dcs", weights, found.values))


def best_choices(curve: pd.DataFrame, choice: str, higher_is_better: bool) -> Sequence[Any]:
    """The choices of the best value, in the order of the curve."""
    best = curve["value"].max() if higher_is_better else curve["value"].min()
    return list(curve.loc[curve["value"] == best, choice])
