"""Exact match: the completion is the reference, letter for letter, white space aside."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from workbench.scoring.base import MeanScore, Scored


def canonical(text: str) -> str:
    """Unicode composed (NFC), no white space at the ends, single spaces inside. Case is kept."""
    return " ".join(unicodedata.normalize("NFC", text).split())


@dataclass(frozen=True)
class ExactMatch(MeanScore):
    """The share of prompts whose completion is the reference (see `canonical`); an empty one is wrong."""

    def statistics(self, scored: Scored) -> list[float]:
        """1 or 0, and the prompt itself (1)."""
        completion = canonical(scored.completion)
        return [float(bool(completion) and completion == canonical(scored.reference)), 1.0]


def exact_match() -> ExactMatch:
    """Exact match of the whole completion, case kept."""
    return ExactMatch(
        name="exact_match",
        label="exact match (share of prompts)",
        signature="case:mixed|unicode:NFC|space:collapsed|text:whole",
    )
