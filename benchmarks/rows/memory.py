"""The peak of a sweep's memory against the estimate made before it, where completions agree and where all differ."""

from __future__ import annotations

from benchmarks.peak import peak_of
from benchmarks.result import Bar, Result
from benchmarks.settings import Settings

CASES = (("deep-32", 32, True), ("random-12", 16, False))
"""Shapes, numbers of prompts, and whether some completions agree: then the peak lies between the estimate's two ends."""
_WITHIN = 0.20


def measure(settings: Settings) -> Result:
    """Measure the row."""
    bars = []
    for shape, prompts, agree in CASES[:1] if settings.shape else CASES:
        found = peak_of(settings, shape, prompts)
        least = found.agreeing if agree else found.estimate
        nearest = min(max(found.taken, least), found.estimate)
        bars.append(
            Bar(
                found.shape,
                "peak memory apart from the estimate",
                abs(found.taken / nearest - 1),
                "share",
                _WITHIN,
                at_most=True,
                note=f"{found.prompts} prompts, {found.conditions} conditions: estimate {found.estimate / 1e6:.0f} MB "
                f"({found.agreeing / 1e6:.0f} MB where completions agree), "
                f"peak {found.taken / 1e6:.0f} MB above the {found.before / 1e6:.0f} MB before",
            )
        )
    return Result(bars)
