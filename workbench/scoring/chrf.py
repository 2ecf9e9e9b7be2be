"""Corpus chrF++ (character n-grams up to 6, word n-grams up to 2) from sacrebleu's counts.

`aggregate` is the formula of `sacrebleu.CHRF` with its default effective order, for whole arrays at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from einops import rearrange
from jaxtyping import Float

from workbench.scoring.base import Score, Scored

if TYPE_CHECKING:
    from sacrebleu.metrics import CHRF

ORDERS = 8
"""Six of characters, two of words. The statistics of each: n-grams written, wanted, and matching."""
BETA_SQUARED = 4.0
"""Recall weighs twice as much as precision."""


@cache
def _metric() -> CHRF:
    from sacrebleu.metrics import CHRF

    metric = CHRF(word_order=2)
    metric.num_refs = 1  # as sacrebleu sets it when it reads a corpus; the signature needs it
    return metric


@lru_cache(maxsize=2**16)
def _counts(completion: str, reference: str) -> tuple[float, ...]:
    """sacrebleu's statistics of one pair; remembered, because late masks leave completions equal."""
    rows = _metric()._extract_corpus_statistics([completion], [[reference]])
    return tuple(float(value) for value in rows[0])


@dataclass(frozen=True)
class Chrf(Score):
    """Corpus chrF++, 0 to 100. Equal to `sacrebleu.corpus_chrf(..., word_order=2)` over the same texts."""

    def statistics(self, scored: Scored) -> list[float]:
        """For each of the 8 orders: n-grams in the completion, n-grams in the reference, matches."""
        return list(_counts(scored.completion, scored.reference))

    def aggregate(self, statistics: Float[np.ndarray, "*batch 24"]) -> Float[np.ndarray, "*batch"]:
        """The F-score of mean precision and mean recall over the orders that both sides have."""
        counts = rearrange(statistics, "... (order kind) -> ... order kind", order=ORDERS, kind=3)
        written, wanted, matching = counts[..., 0], counts[..., 1], counts[..., 2]
        effective = (written > 0) & (wanted > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            orders = effective.sum(-1)
            precision = np.where(effective, matching / written, 0.0).sum(-1) / orders
            recall = np.where(effective, matching / wanted, 0.0).sum(-1) / orders
            score = (1 + BETA_SQUARED) * precision * recall / (BETA_SQUARED * precision + recall)
        return np.asarray(np.where(precision + recall > 0, 100.0 * score, 0.0))


def chrf() -> Chrf:
    """chrF++ with sacrebleu's defaults, over the whole completion."""
    return Chrf(name="chrf", label="chrF++ (0 to 100)", signature=str(_metric().get_signature()))
