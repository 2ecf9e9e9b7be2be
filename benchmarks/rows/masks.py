"""`mini`, all layers, five masks, with log-probabilities and divergences: the fast sweep against the plain reference."""

from __future__ import annotations

from benchmarks.references import against_reference
from benchmarks.result import Result
from benchmarks.settings import Settings, Subject
from workbench.interventions import ContextMask

MASKS = ("TTF", "FTF", "TFF", "FFT", "TTT")
"""Paper A's four of its figure 2, and the instructions alone, whose hiding changes the examples' own rows."""
_AT_LEAST = 5.0


def measure(settings: Settings) -> Result:
    """Measure the row."""
    subject = Subject.of(settings, "mini", 16)
    conditions = [ContextMask.named(mask, layer) for mask in MASKS for layer in range(subject.model.n_layers)]
    return against_reference(settings, subject, {f"all layers, masks {', '.join(MASKS)}": (conditions, _AT_LEAST)})
