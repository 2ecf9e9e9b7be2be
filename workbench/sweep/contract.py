"""What every sweep returns, whichever engine runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Outcome:
    """One prompt run under one condition."""

    prompt: str
    """Name of the prompt."""
    condition: int
    """Index into the conditions given."""
    token_ids: tuple[int, ...]
    """Greedy completion, up to and with the token that ended it."""
    text: str
    """The completion up to its stop string, without surrounding white space."""
    stopped: Literal["stop", "eos", "length"]
    """What ended the completion."""
    log_probabilities: tuple[float, ...]
    """Log-probability of each token of the reference, given the prompt and the reference before it, in nats."""
    divergence: float
    """KL(clean || condition) of the next-token distributions at the answer position, in nats; 0 for the clean run."""
    margins: tuple[float, ...]
    """Logit of the token chosen less that of the next best, for each token of the completion."""
    engine: Literal["fast", "reference"]
    """What ran it."""
