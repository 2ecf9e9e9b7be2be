"""Log-probability of the reference, teacher-forced: no decoding, and smooth where exact scores jump."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.scoring.base import MeanScore, Scored


@dataclass(frozen=True)
class LogProbability(MeanScore):
    """Mean over all tokens of all references, in nats per token; NaN if there are no tokens at all."""

    def statistics(self, scored: Scored) -> list[float]:
        """The sum over the reference's tokens, and their number."""
        return [float(sum(scored.log_probabilities)), float(len(scored.log_probabilities))]


def log_probability() -> LogProbability:
    """0 is certainty, not failure: there is no zero from which a fraction of the ceiling could count."""
    return LogProbability(
        name="log_probability",
        label="log-probability of the reference (nats per token)",
        true_zero=False,
        signature="teacher-forced|mean:tokens|unit:nats",
    )
