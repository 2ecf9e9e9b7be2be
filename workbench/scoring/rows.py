"""From what a sweep returns to the columns of a measurement: each score's statistics, and the texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.prompts import Prompt
from workbench.scoring.base import Score, Scored
from workbench.sweep.contract import Outcome


def scored(prompt: Prompt, outcome: Outcome, clean: Outcome) -> Scored:
    """What scores look at: a prompt under one condition beside the same prompt with nothing done."""
    return Scored(
        completion=outcome.text,
        reference=prompt.reference,
        token_ids=outcome.token_ids,
        clean_token_ids=clean.token_ids,
        log_probabilities=outcome.log_probabilities,
        divergence=outcome.divergence,
        tests=prompt.tests,
    )


def scored_row(prompt: Prompt, outcome: Outcome, clean: Outcome, scores: Sequence[Score]) -> dict[str, Any]:
    """One prompt under one condition, compared with the clean run where a score needs that."""
    shown = scored(prompt, outcome, clean)
    return {
        "prompt": prompt.name,
        **{score.name: score.statistics(shown) for score in scores},
        "reference_read": len(prompt.reference_ids) / max(1, prompt.reference_length),
        "source": prompt.source,
        "reference": prompt.reference,
        "completion": outcome.text,
        "stopped": outcome.stopped,
    }
