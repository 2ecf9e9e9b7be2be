"""Functions that the tests share, and what they ought to compute, told independently of the operators' table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from workbench.tasks.functions.catalogue import catalogue
from workbench.tasks.functions.expression import Call, Expression

_MEANINGS: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "mod": lambda a, b: a - b * int(np.floor(a / b)),
    "max": lambda a, b: a if a > b else b,
    "min": lambda a, b: b if a > b else a,
    "square": lambda a: a**2,
    "negate": lambda a: 0 - a,
    "abs": lambda a: a if a > 0 else 0 - a,
    ">": lambda a, b: not a <= b,
    "<": lambda a, b: not a >= b,
    "sum": lambda items: int(np.sum(items, dtype=int)),
    "length": lambda items: int(np.size(items)),
    "maximum": lambda items: int(np.max(items)),
    "minimum": lambda items: int(np.min(items)),
    "first": lambda items: next(iter(items)),
    "last": lambda items: next(reversed(items)),
    "reverse": lambda items: list(reversed(items)),
    "sort": lambda items: np.sort(items).tolist(),
}


def interpret(expression: Expression, **variables: Any) -> Any:
    """The value by a second way: closures in plain Python and numpy."""
    if not isinstance(expression, Call):
        return variables.get(expression, expression)
    first, *rest = expression.arguments
    if expression.operator in ("map", "filter"):
        items = interpret(rest[0], **variables)
        done = [interpret(first, **{**variables, "item": item}) for item in items]
        return done if expression.operator == "map" else [item for item, kept in zip(items, done, strict=True) if kept]
    return _MEANINGS[expression.operator](*(interpret(argument, **variables) for argument in expression.arguments))


@pytest.fixture(scope="session")
def interpreter() -> Callable[..., Any]:
    """`interpret`."""
    return interpret


@pytest.fixture(scope="session")
def functions() -> list[Call]:
    """Every function of the small shapes, and 150 of each large one."""
    generator = np.random.default_rng(0)
    chosen = []
    for shape in catalogue().values():
        picked = generator.permutation(len(shape))[:150]
        chosen += [shape[int(index)] for index in picked]
    return chosen
