"""How far the mask moves the next-token distribution at the answer position. Lower is better."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.scoring.base import MeanScore, Scored


@dataclass(frozen=True)
class Divergence(MeanScore):
    """Mean over prompts of KL(unmasked || masked), in nats: 0 where the mask changes nothing."""

    def statistics(self, scored: Scored) -> list[float]:
        """The prompt's divergence, and the prompt itself (1)."""
        return [float(scored.divergence), 1.0]


def divergence() -> Divergence:
    """With nothing masked it is 0, so a fraction of that ceiling alone would mean nothing."""
    return Divergence(
        name="divergence",
        label="KL divergence from the unmasked run (nats)",
        true_zero=False,
        higher_is_better=False,
        signature="KL:unmasked-masked|position:answer|mean:prompts|unit:nats",
    )
