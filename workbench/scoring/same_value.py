"""Same value: the completion is a function in the reference's notation, and gives what the reference gives.

`y + x` counts as `x + y`. Texts are read by the notations' own readers and evaluated operator by operator; nothing
that a model wrote is ever run. Equality is judged on a fixed set of inputs: two functions that differ only
elsewhere are taken for the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from workbench.random_streams import stream
from workbench.scoring.base import MeanScore, Scored
from workbench.tasks.functions.expression import Expression, kind_of, value
from workbench.tasks.functions.notations import LONGEST, NOTATIONS
from workbench.tasks.functions.operators import Kind, Value

WIDEST = 12
"""Numbers in the inputs lie between minus this and this."""
ROUNDS = 12
"""How often each of x and y takes every such number, in a shuffled order."""
LONGEST_LIST = 8
"""Items in an input; the shortest list is empty."""


@cache
def inputs() -> tuple[dict[str, Value], ...]:
    """The fixed values of x, y and items that functions are compared on."""
    generator = stream(0, "same_value", "inputs")
    numbers = np.arange(-WIDEST, WIDEST + 1)
    drawn: list[dict[str, Value]] = []
    for round_ in range(ROUNDS):
        for x, y in zip(generator.permutation(numbers), generator.permutation(numbers), strict=True):
            length = int(generator.integers(LONGEST_LIST + 1))
            # Every other time from a narrow range: else the smallest item is hardly ever above 5.
            low, high = sorted(generator.choice(numbers, 2)) if round_ % 2 else (-WIDEST, WIDEST)
            items = [int(number) for number in generator.integers(low, high + 1, length)]
            drawn.append({"x": int(x), "y": int(y), "items": items})
    return tuple(drawn)


@lru_cache(maxsize=2**16)
def same_value(completion: str, reference: str) -> bool:
    """Whether both are functions in one notation that agree on every input; remembered, since completions recur.

    A reference that is a function in no notation is matched by nothing.
    """
    for notation, kind, outcomes in _known(reference):
        written = NOTATIONS[notation].read(completion)
        if written is not None and kind_of(written) == kind:
            return all(_outcome(written, given) == wanted for given, wanted in zip(inputs(), outcomes, strict=True))
    return False


@lru_cache(maxsize=2**12)
def _known(reference: str) -> tuple[tuple[str, Kind, tuple[Value | None, ...]], ...]:
    """Every notation in which the reference is a function (in one, unless it is a mere variable), its kind and values."""
    read = ((name, notation.read(reference)) for name, notation in NOTATIONS.items())
    return tuple(
        (name, kind_of(function), tuple(_outcome(function, given) for given in inputs()))
        for name, function in read
        if function is not None
    )


def _outcome(expression: Expression, given: dict[str, Value]) -> Value | None:
    """The value, or None where there is none, as for the largest of no items."""
    try:
        return value(expression, given)
    except (ValueError, IndexError, ZeroDivisionError, OverflowError):
        return None


@dataclass(frozen=True)
class SameValue(MeanScore):
    """The share of prompts whose completion has the reference's notation and values (see `same_value`)."""

    def statistics(self, scored: Scored) -> list[float]:
        """1 or 0, and the prompt itself (1)."""
        return [float(same_value(scored.completion, scored.reference)), 1.0]


def same_value_score() -> SameValue:
    """Equality of functions on the fixed inputs."""
    return SameValue(
        name="same_value",
        label="same value (share of prompts)",
        signature=f"notations:{','.join(NOTATIONS)}|inputs:{len(inputs())}|numbers:{-WIDEST}..{WIDEST}"
        f"|items:0..{LONGEST_LIST}|text:whole,at-most-{LONGEST}",
    )
