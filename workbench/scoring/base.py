"""What a score is: numbers that add up over prompts, and the formula from their sum to the score.

Every prompt leaves a short list of *sufficient statistics* (n-gram counts for BLEU, a sum and a count for a
mean). The score of any set of prompts is `aggregate` of the sum of their lists, so a bootstrap over prompts
is one matrix product, `aggregate(weights @ statistics)`, and a corpus score is never an average of sentence
scores.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from workbench.tasks.task import ProgramTests


@dataclass(frozen=True)
class Scored:
    """One completion with everything a score may compare it to; a score reads only the fields it needs."""

    completion: str
    """What the model wrote, up to the stop string."""
    reference: str = ""
    """What it should have written."""
    token_ids: tuple[int, ...] = ()
    """The tokens of the completion."""
    clean_token_ids: tuple[int, ...] = ()
    """The tokens of the completion of the same prompt with nothing masked."""
    log_probabilities: tuple[float, ...] = ()
    """Of each token of the reference, teacher-forced, in nats."""
    divergence: float = 0.0
    """KL(unmasked || masked) of the next-token distribution at the answer position, in nats."""
    tests: ProgramTests | None = None
    """What a completion that is a program is put to."""


@dataclass(frozen=True)
class Score(ABC):
    """A named score. `statistics` looks at one prompt, `aggregate` at the sum over prompts."""

    name: str
    """As in tables and on the command line."""
    label: str
    """For axes, with the unit."""
    true_zero: bool = True
    """Zero means "nothing is right", so that a fraction of the ceiling alone is meaningful."""
    higher_is_better: bool = True
    signature: str = ""
    """How the number was made, in the words of the library that defines it."""

    @abstractmethod
    def statistics(self, scored: Scored) -> list[float]:
        """The sufficient statistics of one prompt, always of the same length."""

    @abstractmethod
    def aggregate(self, statistics: Float[np.ndarray, "*batch statistics"]) -> Float[np.ndarray, "*batch"]:
        """From statistics summed over prompts (with any weights) to the score of those prompts."""


@dataclass(frozen=True)
class MeanScore(Score):
    """A score that is a plain mean: its statistics are a sum and the number of things summed."""

    def aggregate(self, statistics: Float[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch"]:
        """The sum divided by the count; NaN where nothing was counted."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(statistics[..., 0] / statistics[..., 1])
