"""A function apart from any notation: a tree of operators, its English sentence, and its value."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from workbench.tasks.functions.operators import OPERATORS, VARIABLES, Kind, Value
from workbench.tasks.mapping import Split

DEEPEST = 8
"""Operators above one another. The family's own functions have at most four."""
LARGEST = 10**9
"""Numbers beyond it are not computed; those of the family's own functions stay far below."""


class UnreadableError(ValueError):
    """A text is no function, or no tree of operators that fit together."""


@dataclass(frozen=True)
class Call:
    """An operator and its arguments.

    Raises:
        UnreadableError: there is no such operator; the arguments are not of the kinds it takes; they are nested too
            deep; or what is done to each item is not a function of numbers alone.
    """

    operator: str
    arguments: tuple[Expression, ...]

    def __post_init__(self) -> None:
        """Refuse what has no meaning, so that every tree that exists can be evaluated."""
        operator = OPERATORS.get(self.operator)
        if operator is None or tuple(map(kind_of, self.arguments)) != operator.takes:
            raise UnreadableError(f"{self.operator} does not take {self.arguments}.")
        # A list inside what is done to each item would make the work grow as a power of the depth.
        if self.depth > DEEPEST or (operator.binds and _mentions(self.arguments[0], "items")):
            raise UnreadableError(f"{self.operator} is nested too deep.")

    @cached_property
    def depth(self) -> int:
        """Operators above one another, this one included."""
        return 1 + max(argument.depth if isinstance(argument, Call) else 0 for argument in self.arguments)

    @cached_property
    def split(self) -> Split:
        """Where it belongs. `x + y` and `y + x` go together, and so do all notations of a function."""
        bucket = hashlib.sha256(repr(canonical(self)).encode()).digest()[0]
        return "test" if bucket < 32 else "pool" if bucket < 56 else "train"


Expression = Call | str | int
"""A call, a variable, or a number."""


def kind_of(expression: Expression) -> Kind:
    """Number, list or truth value; `UnreadableError` for a name that is no variable."""
    if isinstance(expression, Call):
        return OPERATORS[expression.operator].gives
    if isinstance(expression, str) and expression not in VARIABLES:
        raise UnreadableError(f"{expression} is no variable.")
    return VARIABLES[expression] if isinstance(expression, str) else "number"


def checked(expression: Expression) -> Expression:
    """The expression, if it stands alone: `item` means something only inside what is done to each item.

    Raises:
        UnreadableError: `item` is outside, or the expression is a name that is no variable.
    """
    kind_of(expression)
    if _mentions(expression, "item"):
        raise UnreadableError("There is an item outside of what is done to each.")
    return expression


def _mentions(expression: Expression, variable: str) -> bool:
    """Whether the variable occurs free."""
    if not isinstance(expression, Call):
        return expression == variable
    bound = variable == "item" and OPERATORS[expression.operator].binds
    return any(_mentions(argument, variable) for argument in expression.arguments[bound:])


def canonical(expression: Expression) -> Expression:
    """The same for functions that differ only in the order of arguments that may be swapped."""
    if not isinstance(expression, Call):
        return expression
    name, arguments = expression.operator, tuple(map(canonical, expression.arguments))
    if name == "<":
        name, arguments = ">", arguments[::-1]
    elif OPERATORS[name].commutes:
        arguments = tuple(sorted(arguments, key=repr))
    return Call(name, arguments)


def sentence(expression: Expression) -> str:
    """The function in English, its words apart by single spaces.

    Raises:
        UnreadableError: what is done to each item is more than one operator on it.
    """
    if not isinstance(expression, Call):
        return "the items" if expression == "items" else str(expression)
    operator = OPERATORS[expression.operator]
    if not operator.binds:
        return operator.sentence.format(*map(sentence, expression.arguments))
    match expression.arguments:
        case (Call(operator=name, arguments=("item", *others)), items) if OPERATORS[name].each:
            done = OPERATORS[name].each.format(*map(sentence, others))
            return operator.sentence.format(done, sentence(items))
    raise UnreadableError(f"There is no sentence for {expression}.")


def value(expression: Expression, variables: Mapping[str, Value]) -> Value:
    """What the function gives for those values of x, y and items.

    Raises:
        ValueError, IndexError: the largest, smallest, first or last of no items.
        ZeroDivisionError: a remainder of division by zero.
        OverflowError: a number exceeds `LARGEST`.
    """
    if isinstance(expression, int):
        return expression
    if isinstance(expression, str):
        return variables[expression]
    operator = OPERATORS[expression.operator]
    first, *rest = expression.arguments
    values = [value(argument, variables) for argument in rest]
    if operator.binds:
        result = operator.apply(lambda item: value(first, {**variables, "item": item}), *values)
    else:
        result = operator.apply(value(first, variables), *values)
    if isinstance(result, int) and abs(result) > LARGEST:
        raise OverflowError(f"{result} is beyond {LARGEST}.")
    return result
