"""The hard-concrete distribution: a random gate in [0, 1] that is exactly 0 or 1 with some probability, and differentiable.

Louizos, Welling and Kingma 2018, equations 10 to 13. A logistic variable around the `location` is squashed to (0, 1),
stretched to (LOW, HIGH) and cut off at 0 and 1: what falls beyond an end lies on it. The penalty on a gate is the probability
that it is not 0, which has a closed form and so a gradient of its own.
"""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

TEMPERATURE, LOW, HIGH = 2 / 3, -0.1, 1.1
"""Louizos et al.'s own values; paper A does not state its."""
START = 2.5
"""A location at which the gate at rest is 1: it is from 2.40 on, and 0 up to -2.40."""
_NEVER_QUITE = 1e-6


def sampled(location: Float[Tensor, "*gates"], uniform: Float[Tensor, "*gates"]) -> Float[Tensor, "*gates"]:
    """Gates drawn by uniform numbers in [0, 1]; the gradient reaches the location unless a gate is cut off."""
    inside = uniform.clamp(_NEVER_QUITE, 1 - _NEVER_QUITE)
    return _stretched(((inside.log() - (-inside).log1p() + location) / TEMPERATURE).sigmoid())


def settled(location: Float[Tensor, "*gates"]) -> Float[Tensor, "*gates"]:
    """Gates at rest, as they are used after training (equation 13): without noise and temperature."""
    return _stretched(location.sigmoid())


def open_probability(location: Float[Tensor, "*gates"]) -> Float[Tensor, "*gates"]:
    """The probability that a gate drawn is not 0: its expected L0 norm (equation 12)."""
    return (location - TEMPERATURE * math.log(-LOW / HIGH)).sigmoid()


def _stretched(squashed: Float[Tensor, "*gates"]) -> Float[Tensor, "*gates"]:
    return (squashed * (HIGH - LOW) + LOW).clamp(0, 1)
