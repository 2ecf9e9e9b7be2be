"""The bootstrap over prompts."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

CONFIDENCE = 0.95
"""Of every interval in the project, two-sided."""


def resampling_weights(prompts: int, draws: int, generator: np.random.Generator) -> Float[np.ndarray, "draws prompts"]:
    """How often each prompt is drawn, with replacement; every row sums to `prompts`."""
    return generator.multinomial(prompts, np.full(prompts, 1 / prompts), size=draws).astype(np.float64)


def percentile_interval(
    replicates: Float[np.ndarray, "draws ..."], confidence: float = CONFIDENCE
) -> tuple[Float[np.ndarray, "*rest"], Float[np.ndarray, "*rest"]]:
    """Lower and upper end of the percentile interval over the draws."""
    tail = (1 - confidence) / 2
    with np.errstate(invalid="ignore"):  # an infinite replicate (a probability of 0) interpolates to NaN
        low, high = np.quantile(replicates, [tail, 1 - tail], axis=0)
    return np.asarray(low), np.asarray(high)
