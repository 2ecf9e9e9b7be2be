"""Random streams derived by name, and the bootstrap over prompts.

A stream depends on the seed and on names only, never on what was drawn before it, so that one more table,
score or task never shifts another's numbers.
"""

from __future__ import annotations

import hashlib

import numpy as np
from jaxtyping import Float

CONFIDENCE = 0.95
"""Of every interval in the project, two-sided."""


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """The random stream of that seed and those names, the same on every machine."""
    # repr keeps ("a", "bc") apart from ("ab", "c"), and 1 from "1".
    digest = hashlib.sha256(repr((seed, *names)).encode("utf-8")).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


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
