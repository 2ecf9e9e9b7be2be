"""Functions in two notations of words and signs: parentheses with the operator first, and a stack with it last."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workbench.tasks.functions.expression import Call, Expression, UnreadableError
from workbench.tasks.functions.operators import OPERATORS, VARIABLES

_NUMBER = re.compile(r"\d{1,9}")


def write_lisp(expression: Expression) -> str:
    """The function as in Lisp: `( sum ( filter ( > item 3 ) items ) )`."""
    if not isinstance(expression, Call):
        return str(expression)
    return f"( {expression.operator} {' '.join(map(write_lisp, expression.arguments))} )"


def read_lisp(text: str) -> Expression:
    """The function that a Lisp expression stands for; spaces are needed between words only.

    Raises:
        UnreadableError: the text is anything else.
    """
    words = iter(re.sub(r"([()])", r" \1 ", text).split())
    expression = _read_lisp(next(words, ""), words)
    if next(words, None) is not None:
        raise UnreadableError("Something follows the expression.")
    return expression


def _read_lisp(word: str, words: Iterator[str]) -> Expression:
    if word != "(":
        return _atom(word)
    operator, arguments = next(words, ""), []
    while (word := next(words, "")) != ")":
        arguments.append(_read_lisp(word, words))
    return Call(operator, tuple(arguments))


def write_postfix(expression: Expression) -> str:
    """The function for a stack, as in Factor: `items [ item 3 > ] filter sum`."""
    if not isinstance(expression, Call):
        return str(expression)
    written = [write_postfix(argument) for argument in expression.arguments]
    if OPERATORS[expression.operator].binds:
        body, items = written
        written = [items, f"[ {body} ]"]
    return " ".join([*written, expression.operator])


def read_postfix(text: str) -> Expression:
    """The function that words for a stack leave as the only thing on it.

    Raises:
        UnreadableError: the text is anything else.
    """
    words = iter(re.sub(r"([\[\]])", r" \1 ", text).split())
    expression = _read_postfix(words, "")
    if next(words, None) is not None:
        raise UnreadableError("A bracket closes that never opened.")
    return expression


def _read_postfix(words: Iterator[str], end: str) -> Expression:
    """Read up to the word `end` ("" for the end of the text)."""
    stack: list[Expression] = []
    quoted: Expression | None = None
    while (word := next(words, "")) != end:
        operator = OPERATORS.get(word)
        if quoted is not None and not (operator and operator.binds):
            raise UnreadableError("What stands in brackets is not used.")
        if word == "[":
            quoted = _read_postfix(words, "]")
        elif operator is None:
            stack.append(_atom(word))
        else:
            count = len(operator.takes) - operator.binds
            if len(stack) < count or (operator.binds and quoted is None):
                raise UnreadableError(f"{word} lacks an argument.")
            arguments = [stack.pop() for _ in range(count)][::-1]
            stack.append(Call(word, tuple(arguments if quoted is None else [quoted, *arguments])))
            quoted = None
    if len(stack) != 1 or quoted is not None:
        raise UnreadableError("There is not exactly one thing on the stack.")
    return stack[0]


def _atom(word: str) -> Expression:
    if word in VARIABLES:
        return word
    if not _NUMBER.fullmatch(word):
        raise UnreadableError(f"{word!r} is neither a variable nor a number.")
    return int(word)
