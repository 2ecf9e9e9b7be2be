"""Agreement with the same prompt's completion when nothing is masked; needs no ability of the model."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.scoring.base import MeanScore, Scored


def common_prefix(left: tuple[int, ...], right: tuple[int, ...]) -> int:
    """The number of tokens that two sequences share from their start."""
    pairs = zip(left, right, strict=False)
    return next((index for index, (one, other) in enumerate(pairs) if one != other), min(len(left), len(right)))


@dataclass(frozen=True)
class Agreement(MeanScore):
    """Mean over prompts of the longest common token prefix, divided by the longer of the two lengths.

    1 is identical, also for two empty completions. A prefix, because greedy decoding goes its own way after
    the first token that differs: matches beyond it are chance.
    """

    def statistics(self, scored: Scored) -> list[float]:
        """The prompt's agreement, and the prompt itself (1)."""
        longer = max(len(scored.token_ids), len(scored.clean_token_ids))
        shared = common_prefix(scored.token_ids, scored.clean_token_ids)
        return [shared / longer if longer else 1.0, 1.0]


def agreement() -> Agreement:
    """Agreement with the unmasked completion; its ceiling is 1 by definition."""
    return Agreement(
        name="agreement",
        label="agreement with the unmasked completion (share of tokens)",
        signature="prefix:tokens|length:longer|mean:prompts",
    )
