"""What functions are made of: each operator with its kinds, its words and what it computes.

An operator's key is its name in prefix and postfix notation. Python has words of its own, so its template stands
here too.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "list", "truth"]
Value = int | bool | list[int]

VARIABLES: dict[str, Kind] = {"x": "number", "y": "number", "item": "number", "items": "list"}
"""`item` is each element in turn, known only inside `map` and `filter`."""


@dataclass(frozen=True)
class Operator:
    """An operator: what it takes and gives, and how it is said and written."""

    takes: tuple[Kind, ...]
    gives: Kind
    sentence: str
    """English, with the arguments' places."""
    python: str
    """Python, with the arguments' places; every symbol stands apart."""
    apply: Callable[..., Value]
    each: str = ""
    """English for what is done to each item, with the place of the second argument."""
    infix: bool = False
    """Inside another infix expression Python needs parentheses around it."""
    commutes: bool = False
    """The order of its arguments does not matter."""
    binds: bool = False
    """The first argument is a function of `item`."""


def _arithmetic(
    sentence: str, python: str, apply: Callable[[int, int], int], each: str = "", *, commutes: bool = True
) -> Operator:
    return Operator(("number", "number"), "number", sentence, python, apply, each, "(" not in python, commutes)


def _of_number(sentence: str, python: str, apply: Callable[[int], int], each: str = "") -> Operator:
    return Operator(("number",), "number", sentence, python, apply, each, "(" not in python)


def _comparison(sign: str, word: str, apply: Callable[[int, int], bool]) -> Operator:
    sentence = f"whether {{}} is {word} than {{}}"
    return Operator(("number", "number"), "truth", sentence, f"{{}} {sign} {{}}", apply, f"{word} than {{}}", True)


def _of_list(sentence: str, python: str, apply: Callable[[list[int]], Value], gives: Kind = "number") -> Operator:
    return Operator(("list",), gives, sentence, python, apply)


def _map(function: Callable[[int], int], items: list[int]) -> list[int]:
    return [function(item) for item in items]


def _filter(condition: Callable[[int], bool], items: list[int]) -> list[int]:
    return [item for item in items if condition(item)]


OPERATORS: dict[str, Operator] = {
    "+": _arithmetic("the sum of {} and {}", "{} + {}", operator.add, "plus {}"),
    "-": _arithmetic("the difference of {} and {}", "{} - {}", operator.sub, "minus {}", commutes=False),
    "*": _arithmetic("the product of {} and {}", "{} * {}", operator.mul, "times {}"),
    "mod": _arithmetic("the remainder of {} divided by {}", "{} % {}", operator.mod, commutes=False),
    "max": _arithmetic("the larger of {} and {}", "max ( {} , {} )", max),
    "min": _arithmetic("the smaller of {} and {}", "min ( {} , {} )", min),
    "square": _of_number("the square of {}", "{} ** 2", lambda number: number * number, "squared"),
    "negate": _of_number("the negative of {}", "- {}", operator.neg, "negated"),
    "abs": _of_number("the absolute value of {}", "abs ( {} )", abs),
    ">": _comparison(">", "greater", operator.gt),
    "<": _comparison("<", "less", operator.lt),
    "sum": _of_list("the total of {}", "sum ( {} )", sum),
    "length": _of_list("the length of {}", "len ( {} )", len),
    "maximum": _of_list("the largest of {}", "max ( {} )", max),
    "minimum": _of_list("the smallest of {}", "min ( {} )", min),
    "first": _of_list("the first of {}", "{} [ 0 ]", lambda items: items[0]),
    "last": _of_list("the last of {}", "{} [ - 1 ]", lambda items: items[-1]),
    "reverse": _of_list("{} reversed", "{} [ : : - 1 ]", lambda items: items[::-1], "list"),
    "sort": _of_list("{} sorted", "sorted ( {} )", sorted, "list"),
    "map": Operator(
        ("number", "list"), "list", "{1} each {0}", "[ {0} for item in {1} ]", _map, binds=True
    ),
    "filter": Operator(
        ("truth", "list"), "list", "{1} {0}", "[ item for item in {1} if {0} ]", _filter, binds=True
    ),
}  # fmt: skip
