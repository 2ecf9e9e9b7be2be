"""Random streams derived by name.

A stream depends on the seed and on names only, never on what was drawn before it, so that one more table,
score or task never shifts another's numbers.
"""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """The random stream of that seed and those names, the same on every machine."""
    # repr keeps ("a", "bc") apart from ("ab", "c"), and 1 from "1".
    digest = hashlib.sha256(repr((seed, *names)).encode("utf-8")).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))
