"""Every head of `mini` ablated alone (zero): the fast sweep against the plain reference, one condition at a time."""

from __future__ import annotations

from benchmarks.references import against_reference
from benchmarks.result import Result
from benchmarks.settings import Settings, Subject
from workbench.interventions import ANSWERING, EVERYWHERE, HeadAblation

_AT_LEAST = 5.0


def measure(settings: Settings) -> Result:
    """Measure the row."""
    subject = Subject.of(settings, "mini", 4)
    model = subject.model
    heads = [frozenset({(layer, head)}) for layer in range(model.n_layers) for head in range(model.n_heads)]
    return against_reference(
        settings,
        subject,
        {
            "every head alone, query and completion": (
                [HeadAblation(head, positions=ANSWERING) for head in heads],
                _AT_LEAST,
            ),
            "every head alone, all positions": ([HeadAblation(head, positions=EVERYWHERE) for head in heads], None),
        },
    )
