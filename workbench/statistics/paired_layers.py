"""Two curves over the same test items, compared by where they rise: paired by item, not by what they score.

Scores of two tasks have different references and cannot be compared; layers can. Two numbers say where a curve rises:

- its *recognition layer*, by the rule of `recognition.py`. Both curves' intervals come from one simultaneous band
  over all layers of both, from joint draws of items, so they hold together, and the difference of the layers lies between
  the differences of their ends in 95 % of cases. (The percentiles of resampled layers would be no interval: see there.)
- the *mean layer of its rise*: each step of the curve, as a share of the way from floor to ceiling, weighted with the
  layer it leads to. It moves smoothly with the scores, so the percentiles of a paired bootstrap are its interval, and it
  sees differences smaller than a layer. A curve that steps from floor to ceiling at layer 5 has the mean layer 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from einops import rearrange
from jaxtyping import Float

from workbench.errors import UserError
from workbench.random_streams import stream
from workbench.scoring import Score
from workbench.statistics.curves import Settings, Statistics
from workbench.statistics.recognition import Recognition, joint_band, recognise
from workbench.statistics.resampling import percentile_interval, resampling_weights


@dataclass(frozen=True)
class Difference:
    """First less second, with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Where two curves rise."""

    first: Recognition
    second: Recognition
    layers: Difference | None
    """Of the recognition layers, "none" counting as `n_layers`; None if one of the curves has nothing to recognise."""
    means: Difference | None
    """Of the mean layers of the rises; None likewise."""
    first_mean: float
    second_mean: float
    earlier: float
    """Share of the draws of items in which the rule puts the first before the second. A description, no test."""
    later: float
    """Share in which it puts it after the second; in the rest both have one layer."""
    replicates: Float[np.ndarray, " draws"]
    """Of the difference of the means, for means over several comparisons of the same items."""
    n: int
    """Items that were paired."""


def compare(
    first: Statistics, second: Statistics, score: Score, *names: str, settings: Settings | None = None
) -> Comparison:
    """Compare two curves with the same layers, all of them measured, and the same items.

    Args:
        first: one curve's statistics (`workbench.statistics.curves.by_seed`).
        second: the other's.
        score: what turns statistics into scores.
        names: of the random stream: comparisons with the same names and number of items have the same draws.
        settings: draws, seed and fraction.

    Raises:
        UserError: other items, other layers, or layers that were not measured.
    """
    chosen = settings or Settings()
    if first.items != second.items:
        raise UserError("The two directions were not run on the same test items; complete the run.")
    if not np.array_equal(first.layers, second.layers) or (np.diff(first.layers) != 1).any():
        raise UserError("Comparing where two curves rise needs every layer of both; run all layers.")
    weights = resampling_weights(len(first.items), chosen.draws, stream(chosen.seed, "paired layers", *names))
    curves = [(_curve(each, score), _replicates(each, score, weights)) for each in (first, second)]
    how: dict[str, Any] = {
        "prompts": first.prompts,
        "fraction": chosen.fraction,
        "higher_is_better": score.higher_is_better,
    }
    rule = {**how, "true_zero": score.true_zero}
    alone = [recognise(first.layers, *curve, **rule) for curve in curves]
    first_mean, second_mean = (float(_mean_layer(curve)) for curve, _ in curves)
    if not all(found.recognisable for found in alone):
        nothing = np.full(chosen.draws, np.nan)
        ends = (first_mean, second_mean, np.nan, np.nan, nothing, len(first.items))
        return Comparison(alone[0], alone[1], None, None, *ends)
    band = joint_band(curves, **how)
    found = [recognise(first.layers, *curve, **rule, band=band) for curve in curves]
    moved = _mean_layer(curves[0][1]) - _mean_layer(curves[1][1])
    low, high = percentile_interval(moved)
    by_rule = [_by_rule(replicates, score, chosen) for _, replicates in curves]
    return Comparison(
        found[0],
        found[1],
        layers=_layers(found[0], found[1], int(first.layers[-1])),
        means=Difference(first_mean - second_mean, float(low), float(high)),
        first_mean=first_mean,
        second_mean=second_mean,
        earlier=float((by_rule[0] < by_rule[1]).mean()),
        later=float((by_rule[0] > by_rule[1]).mean()),
        replicates=moved,
        n=len(first.items),
    )


def mean_difference(comparisons: list[Comparison]) -> Difference | None:
    """The mean over comparisons that share their draws of the difference of mean layers; None if none has one."""
    usable = [comparison for comparison in comparisons if comparison.means is not None]
    if not usable:
        return None
    low, high = percentile_interval(np.mean([comparison.replicates for comparison in usable], axis=0))
    value = float(np.mean([comparison.first_mean - comparison.second_mean for comparison in usable]))
    return Difference(value, float(low), float(high))


def _curve(statistics: Statistics, score: Score) -> Float[np.ndarray, " layer"]:
    return score.aggregate(statistics.values.sum(1))


def _replicates(
    statistics: Statistics, score: Score, weights: Float[np.ndarray, "draws prompt"]
) -> Float[np.ndarray, "draws layer"]:
    by_item = rearrange(statistics.values, "layer prompt statistic -> prompt (layer statistic)")
    sums = rearrange(weights @ by_item, "draw (layer statistic) -> draw layer statistic", layer=len(statistics.layers))
    return score.aggregate(sums)


def _mean_layer(curves: Float[np.ndarray, "*draws layer"]) -> Float[np.ndarray, "*draws"]:
    """The sum of what is still missing at each layer, as a share of the way; the ceiling misses nothing."""
    floor, ceiling = curves[..., :1], curves[..., -1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(((ceiling - curves) / (ceiling - floor)).sum(-1))


def _by_rule(
    replicates: Float[np.ndarray, "draws layer"], score: Score, settings: Settings
) -> Float[np.ndarray, " draws"]:
    """The recognition layer of every draw, `n_layers` for none."""
    upright = replicates if score.higher_is_better else -replicates
    threshold = (1 - settings.fraction) * upright[:, :1] + settings.fraction * upright[:, -1:]
    failing = upright[:, :-1] < threshold - 1e-9 * np.abs(upright[:, -1:] - upright[:, :1])
    last = failing.shape[1] - failing[:, ::-1].argmax(1)
    return np.where(failing.any(1), last, 0).astype(float)


def _layers(first: Recognition, second: Recognition, n_layers: int) -> Difference:
    def known(layer: int | None) -> float:
        return float(n_layers if layer is None else layer)

    return Difference(
        known(first.layer) - known(second.layer),
        known(first.low) - known(second.high),
        known(first.high) - known(second.low),
    )
