"""The task-recognition layer of a curve, with its interval.

**Rule.** The smallest `from_layer` below `n_layers` from which on the score stays at or above floor +
fraction x (ceiling - floor), where the ceiling is the score with nothing masked and the floor the score
with the context hidden from layer 0. The alternative threshold is fraction x ceiling, for scores with a
true zero. Where lower is better, everything is mirrored. There is no such layer ("none", with a reason) if
no layer meets the rule, if the prompt had no examples, or if the rise from floor to ceiling is within its
own 95 % bootstrap interval.

**Interval.** Each prompt-level bootstrap replicate has a curve, but the percentiles of the replicates' own
layers are no interval: every later layer must pass, so noise only ever moves the layer back, twice over in
a replicate. On a long plateau barely above the threshold such intervals covered the truth in 26 to 53 % of
simulations. Instead every layer is asked whether its distance to the threshold has a sign. The distances of
all layers get one simultaneous 95 % band (largest studentised deviation over the layers, 2.5 % to each
side, never narrower than a normal band for one layer):

- low: the layer after the last one that is clearly below the threshold;
- high: the first layer from there on that is clearly above it, `n_layers` ("none") if there is none;
- widened, if need be, to hold the layer that the rule gives.

A standard error counts as at least `RARE` prompts' worth of the rise: n prompts without one failure may
still hide a rate of 3.7 / n (at 97.5 %). So no upper end below `n_layers` is possible with fewer than 74
prompts at fraction 0.95. Where seeds are pooled n counts every seed's prompts, as if what no prompt has
shown yet would not strike the same item under every seed; if it always did, 50 items would still give 92 %.

Measured coverage (the curves of tests/test_recognition_simulation.py, 1000 simulations each with 100
prompts): 94 % on a long plateau barely below the threshold, at least 95 % on a clean step, a slow rise, a
long plateau barely above the threshold, short plateaus barely below it and a late dip, mostly near 100 %:
the interval is cautious. One thing it assumes: after a layer that is clearly above, a fall below the
threshold too small to be seen is taken for noise. And one thing no interval can mend: on a plateau barely
above the threshold the rule itself answers far too late (by 20 of 24 layers in the simulation). There a
wide interval is the finding, and a smoother score or a smaller fraction the remedy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from workbench.errors import UserError
from workbench.statistics.resampling import CONFIDENCE, percentile_interval

RARE = 1.88
"""Prompts. 1.96 x 1.88 = -ln(0.025): the one-sided 97.5 % Poisson limit for an event never seen."""
NORMAL = 1.96
"""Standard errors in a two-sided 95 % interval for one layer."""

Threshold = Literal["rise", "ceiling"]


class Band(NamedTuple):
    """How far, in standard errors, a simultaneous 95 % band reaches above and below every point."""

    upper: float
    lower: float


@dataclass(frozen=True)
class Recognition:
    """Where the task is recognised on one curve. Layers are `from_layer` values, scores are as measured."""

    layer: int | None
    """None: there is no such layer, and `reason` says why."""
    low: int | None
    """Ends of the 95 % interval, `n_layers` for "none". None: no replicates, or nothing to recognise."""
    high: int | None
    ceiling: float
    floor: float
    threshold: float
    fraction: float
    steepest: int | None
    """The layer with the largest rise from the layer before it; None if the curve never rises."""
    plateau: float
    """Mean score from the recognition layer to the last layer, the ceiling left out; NaN if there is none."""
    reason: str
    """Why there is no layer; "" if there is one."""
    recognisable: bool
    """Whether the rule could be applied: there are examples, and a rise beyond its own interval. False is an answer that no
    layer measured in between would change."""


def recognise(
    layers: Int[np.ndarray, " points"],
    curve: Float[np.ndarray, " points"],
    replicates: Float[np.ndarray, "draws points"] | None = None,
    *,
    prompts: int = 1,
    examples: int | None = None,
    fraction: float = 0.95,
    relative_to: Threshold = "rise",
    higher_is_better: bool = True,
    true_zero: bool = True,
    band: Band | None = None,
) -> Recognition:
    """Apply the rule of the module's docstring to one curve.

    `layers` rise strictly; the last is `n_layers` (its score is the ceiling), the first gives the floor.
    `replicates` are the curves of bootstrap draws of `prompts` prompts; without them there is no interval
    and no test of the rise. `examples` is the number of examples in the prompt, None if unknown. Layers
    that were not measured are not considered. `band` (`joint_band`) makes the intervals of several curves hold
    together; by default each holds alone. Raises `UserError` for a fraction outside (0, 1] or the
    threshold "ceiling" without a true zero.
    """
    _check(layers, fraction, relative_to, true_zero)
    sign = 1.0 if higher_is_better else -1.0
    weight = 1.0 if relative_to == "rise" else 0.0  # of the floor in the threshold
    upright = sign * curve
    distances = _distances(upright, fraction, weight)
    threshold = float(curve[0] * weight * (1 - fraction) + curve[-1] * fraction)
    reason = _nothing_to_recognise(upright, None if replicates is None else sign * replicates, examples)
    recognisable = not reason
    layer = low = high = None
    if recognisable:
        index = _first_lasting(distances, abs(float(curve[-1] - curve[0])))
        layer = int(layers[index]) if index < len(layers) - 1 else None
        if replicates is not None:
            moved = _distances(sign * replicates, fraction, weight)
            above, below = _clear_layers(distances, moved, upright, prompts, band)
            if relative_to == "rise":
                below[0] = True  # the floor is below any share of a rise, however wide the band
            low, high = (int(layers[end]) for end in _interval(above, below, index))
        if layer is None:
            reason = f"no layer from which on the score stays at or beyond the threshold {threshold:.4g}"
    return Recognition(
        layer=layer,
        low=low,
        high=high,
        ceiling=float(curve[-1]),
        floor=float(curve[0]),
        threshold=threshold,
        fraction=fraction,
        steepest=_steepest(layers, upright),
        plateau=math.nan if layer is None else float(curve[(layers >= layer) & (layers < layers[-1])].mean()),
        reason=reason,
        recognisable=recognisable,
    )


def _check(layers: Int[np.ndarray, " points"], fraction: float, relative_to: str, true_zero: bool) -> None:
    if not 0 < fraction <= 1:
        raise UserError(f"The fraction of the recognition rule must be above 0 and at most 1. Got {fraction}.")
    if relative_to not in ("rise", "ceiling"):
        raise UserError(f"The threshold must be relative to 'rise' or 'ceiling'. Got {relative_to!r}.")
    if relative_to == "ceiling" and not true_zero:
        raise UserError("A fraction of the ceiling means nothing for a score without a true zero; use 'rise'.")
    if len(layers) < 2 or (np.diff(layers) <= 0).any():
        raise UserError(f"The layers of a curve must rise and be at least two. Got {layers.tolist()}.")


def _distances(
    upright: Float[np.ndarray, "*draws points"], fraction: float, weight: float
) -> Float[np.ndarray, "*draws below_ceiling"]:
    """Of every point but the ceiling to the threshold of its own curve, positive above it."""
    threshold = weight * (1 - fraction) * upright[..., :1] + fraction * upright[..., -1:]
    with np.errstate(invalid="ignore"):
        return upright[..., :-1] - threshold


def _nothing_to_recognise(
    upright: Float[np.ndarray, " points"],
    replicates: Float[np.ndarray, "draws points"] | None,
    examples: int | None,
) -> str:
    """Why the rule cannot be applied, "" if it can."""
    if examples == 0:
        return "the prompt has no examples"
    if not np.isfinite(upright).all() or (replicates is not None and not np.isfinite(replicates).all()):
        return "the score is not a finite number at some layer"
    rise = float(upright[-1] - upright[0])
    if replicates is None:
        return "" if rise > 0 else "the ceiling is not beyond the floor"
    low, high = (float(end) for end in percentile_interval(replicates[:, -1] - replicates[:, 0]))
    if low == high == rise == 0:
        return "the score is the same with and without the context"
    if high < 0 or (low == high and rise <= 0):
        return f"the score is worse with the context than without it (by {-rise:.4g})"
    if low <= 0:
        return f"the rise ({rise:.4g}) is within its own 95 % interval ({low:.4g} to {high:.4g})"
    return ""


def _first_lasting(distances: Float[np.ndarray, " below_ceiling"], rise: float) -> int:
    """The rule: index of the first point from which on all are up to the threshold; the ceiling's if none."""
    # A score exactly at the threshold counts as above; rounding of the threshold must not decide.
    failing = np.flatnonzero(distances < -1e-9 * rise)
    return int(failing[-1]) + 1 if len(failing) else 0


def _clear_layers(
    distances: Float[np.ndarray, " below_ceiling"],
    replicates: Float[np.ndarray, "draws below_ceiling"],
    upright: Float[np.ndarray, " points"],
    prompts: int,
    band: Band | None,
) -> tuple[Bool[np.ndarray, " below_ceiling"], Bool[np.ndarray, " below_ceiling"]]:
    """Which points are clearly above, and which clearly below the threshold (simultaneous 95 % band)."""
    errors = _errors(replicates, upright, prompts)
    reach = band or _band([(replicates - distances) / errors])
    return distances > reach.upper * errors, distances < -reach.lower * errors


def _errors(
    replicates: Float[np.ndarray, "draws below_ceiling"], upright: Float[np.ndarray, " points"], prompts: int
) -> Float[np.ndarray, " below_ceiling"]:
    """Standard errors of the distances, never less than what `RARE` prompts would make."""
    rise = float(upright[-1] - upright[0])
    return np.maximum(replicates.std(0), RARE * rise / prompts)


def _band(deviations: Sequence[Float[np.ndarray, "draws _"]]) -> Band:
    """What the largest deviations of all points together, in standard errors, stay within in 95 % of the draws."""
    every = np.concatenate(list(deviations), axis=1)
    tail = (1 - CONFIDENCE) / 2
    upper = max(NORMAL, float(np.quantile(every.max(1), 1 - tail)))
    lower = max(NORMAL, float(np.quantile(-every.min(1), 1 - tail)))
    return Band(upper, lower)


def joint_band(
    curves: Sequence[tuple[Float[np.ndarray, " _"], Float[np.ndarray, "draws _"]]],
    *,
    prompts: int,
    fraction: float = 0.95,
    higher_is_better: bool = True,
) -> Band:
    """The band that is simultaneous over the layers of all curves: their intervals then hold together in 95 % of cases.

    A curve is its scores and their replicates, of the same draws in all of them; thresholds are of the rise.
    """
    sign = 1.0 if higher_is_better else -1.0
    deviations = []
    for curve, replicates in curves:
        upright, moved = sign * curve, _distances(sign * replicates, fraction, 1.0)
        deviations.append((moved - _distances(upright, fraction, 1.0)) / _errors(moved, upright, prompts))
    return _band(deviations)


def _interval(
    above: Bool[np.ndarray, " below_ceiling"], below: Bool[np.ndarray, " below_ceiling"], index: int
) -> tuple[int, int]:
    """Ends of the interval as indices of points, holding `index`; the ceiling's index stands for "none"."""
    failing = np.flatnonzero(below)
    low = int(failing[-1]) + 1 if len(failing) else 0
    passing = np.flatnonzero(above[low:])
    high = low + int(passing[0]) if len(passing) else len(above)
    return min(low, index), max(high, index)


def _steepest(layers: Int[np.ndarray, " points"], upright: Float[np.ndarray, " points"]) -> int | None:
    """The layer of the largest rise between neighbouring layers; gaps in the layers are no steps."""
    with np.errstate(invalid="ignore"):
        rises = np.where(np.diff(layers) == 1, np.diff(upright), -np.inf)
    rises = np.where(np.isfinite(rises), rises, -np.inf)
    best = int(np.argmax(rises))
    return int(layers[best + 1]) if rises[best] > 0 else None
