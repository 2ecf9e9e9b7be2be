"""Every function of the family, by shape. Learning to put the parts together is what the shapes ask for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import product

import numpy as np

from workbench.tasks.functions.expression import Call, Expression

DIGITS = tuple(range(2, 10))
NUMBERS: tuple[Expression, ...] = ("x", "y")
ATOMS: tuple[Expression, ...] = (*NUMBERS, *DIGITS)
ARITHMETIC = ("+", "-", "*", "max", "min")
OF_NUMBER = ("square", "negate", "abs")
OF_LIST = ("sum", "length", "maximum", "minimum", "first", "last")
EACH = ("+", "-", "*")
COMPARISONS = (">", "<")


def draw(generator: np.random.Generator) -> Call:
    """A function: every shape equally often, and within a shape every function."""
    shapes = tuple(catalogue().values())
    functions = shapes[int(generator.integers(len(shapes)))]
    return functions[int(generator.integers(len(functions)))]


@cache
def catalogue() -> dict[str, tuple[Call, ...]]:
    """The functions by the name of their shape; none occurs twice."""
    simple = _arithmetic(NUMBERS, ATOMS)
    mapped, filtered = _mapped(["items"]), _filtered(["items"])
    ordered = _calls(("sort", "reverse"), ["items"])
    both = _mapped(filtered)
    measured = _calls(OF_LIST, ["items"])
    return {
        "arithmetic": simple,
        "nested arithmetic": _arithmetic(simple, ATOMS),
        "list": (*mapped, *filtered, *ordered),
        "nested list": (*both, *_calls(("sort", "reverse"), [*mapped, *filtered])),
        "number from a list": (*measured, *_calls(OF_LIST, [*mapped, *filtered, *ordered])),
        "number from a nested list": _calls(OF_LIST, both),
        "arithmetic on a list": (*_arithmetic(measured, ATOMS), *_pairs(ARITHMETIC, measured, measured)),
        "comparison": _pairs(COMPARISONS, [*NUMBERS, *measured], ATOMS),
    }


def _calls(operators: Iterable[str], arguments: Iterable[Expression]) -> tuple[Call, ...]:
    return tuple(Call(operator, (argument,)) for operator, argument in product(operators, arguments))


def _pairs(operators: Iterable[str], left: Iterable[Expression], right: Iterable[Expression]) -> tuple[Call, ...]:
    """Every operator on every two arguments that differ."""
    return tuple(
        Call(operator, (first, second))
        for operator, first, second in product(operators, left, right)
        if first != second
    )


def _arithmetic(numbers: tuple[Expression, ...], others: tuple[Expression, ...]) -> tuple[Call, ...]:
    """What can be computed from one of `numbers`, or from one of them and one of `others`, in either order."""
    found = (
        *_calls(OF_NUMBER, numbers),
        *_pairs(ARITHMETIC, numbers, others),
        *_pairs(ARITHMETIC, others, numbers),
        *_pairs(["mod"], numbers, DIGITS),
    )
    return tuple(dict.fromkeys(found))


def _mapped(lists: Iterable[Expression]) -> tuple[Call, ...]:
    bodies = (*_pairs(EACH, ["item"], ATOMS), *_calls(("square", "negate"), ["item"]))
    return tuple(Call("map", (body, items)) for body, items in product(bodies, lists))


def _filtered(lists: Iterable[Expression]) -> tuple[Call, ...]:
    conditions = _pairs(COMPARISONS, ["item"], ATOMS)
    return tuple(Call("filter", (condition, items)) for condition, items in product(conditions, lists))
