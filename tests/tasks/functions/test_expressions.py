"""Functions as trees: their sentences, values and splits, and which trees there are none of."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from workbench.tasks.functions.catalogue import catalogue, draw
from workbench.tasks.functions.expression import (
    DEEPEST,
    LARGEST,
    Call,
    UnreadableError,
    canonical,
    checked,
    kind_of,
    sentence,
    value,
)

EVERY = [function for shape in catalogue().values() for function in shape]
MORE_THAN_3 = Call("filter", (Call(">", ("item", 3)), "items"))
DOUBLED = Call("map", (Call("*", ("item", 2)), MORE_THAN_3))
GIVEN = {"x": -7, "y": 4, "items": [5, -2, 3, 9, 4]}


@pytest.mark.parametrize(
    ("function", "described", "wanted"),
    [
        (Call("+", ("x", 3)), "the sum of x and 3", -4),
        (Call("mod", ("x", 3)), "the remainder of x divided by 3", 2),
        (Call("square", (Call("-", ("x", "y")),)), "the square of the difference of x and y", 121),
        (Call("max", (Call("abs", ("x",)), 9)), "the larger of the absolute value of x and 9", 9),
        (Call("sum", (MORE_THAN_3,)), "the total of the items greater than 3", 18),
        (DOUBLED, "the items greater than 3 each times 2", [10, 18, 8]),
        (Call("map", (Call("square", ("item",)), "items")), "the items each squared", [25, 4, 9, 81, 16]),
        (Call("reverse", (DOUBLED,)), "the items greater than 3 each times 2 reversed", [8, 18, 10]),
        (Call("last", (Call("sort", ("items",)),)), "the last of the items sorted", 9),
        (Call("-", (Call("length", ("items",)), "y")), "the difference of the length of the items and y", 1),
        (Call("<", ("x", Call("first", ("items",)))), "whether x is less than the first of the items", True),
    ],
)
def test_what_a_function_says_and_gives(function: Call, described: str, wanted: object) -> None:
    assert sentence(function) == described
    assert value(function, GIVEN) == wanted


def test_values_agree_with_a_second_interpretation(functions, interpreter) -> None:
    stream = np.random.default_rng(1)
    defined = 0
    for function in functions:
        items = stream.integers(-12, 13, int(stream.integers(1, 8))).tolist()
        given = {"x": int(stream.integers(-12, 13)), "y": int(stream.integers(-12, 13)), "items": items}
        try:
            wanted = interpreter(function, **given)
        except (ValueError, StopIteration):  # the largest or first of no items
            with pytest.raises((ValueError, IndexError)):
                value(function, given)
            continue
        defined += 1
        assert value(function, given) == wanted
    assert defined > 0.8 * len(functions)


def test_there_are_many_functions_and_no_two_share_a_sentence() -> None:
    sentences = {sentence(function) for function in EVERY}
    assert len(EVERY) > 20_000
    assert len(set(EVERY)) == len(sentences) == len(EVERY)
    words = {word for line in sentences for word in line.split(" ")}
    assert all(word.isalpha() and word.islower() for word in words - set("23456789"))
    assert len(words) < 60
    assert {kind_of(function) for function in EVERY} == {"number", "list", "truth"}


def test_splits() -> None:
    sample = EVERY[::16]
    shares = {split: count / len(sample) for split, count in Counter(function.split for function in sample).items()}
    assert shares == pytest.approx({"test": 32 / 256, "pool": 24 / 256, "train": 200 / 256}, abs=0.02)
    for shape in catalogue().values():
        assert {function.split for function in shape[:100]} == {"train", "pool", "test"}


def test_a_function_with_its_arguments_swapped_is_in_the_same_split() -> None:
    swapped = 0
    for function in catalogue()["arithmetic"]:
        if len(function.arguments) == 2:
            other = Call(function.operator, function.arguments[::-1])
            same = function.operator in ("+", "*", "max", "min")
            assert (canonical(function) == canonical(other)) == same
            assert not same or function.split == other.split
            swapped += same
    assert swapped > 50
    assert canonical(Call("<", ("x", 3))) == canonical(Call(">", (3, "x")))


def test_shapes_are_drawn_equally_often() -> None:
    stream = np.random.default_rng(4)
    shape_of = {function: name for name, shape in catalogue().items() for function in shape}
    counts = Counter(shape_of[draw(stream)] for _ in range(4000))
    assert set(counts) == set(catalogue())
    assert all(400 < count < 600 for count in counts.values())


@pytest.mark.parametrize(
    ("operator", "arguments"),
    [
        ("power", ("x", 2)),
        ("+", ("x",)),
        ("+", ("x", "items")),
        ("sum", ("x",)),
        ("square", ("z",)),
        ("filter", (Call("+", ("item", 3)), "items")),
        ("map", ("items", "items")),
        ("map", (Call("+", ("item", Call("sum", ("items",)))), "items")),
    ],
)
def test_what_does_not_fit_together_is_no_function(operator: str, arguments: tuple) -> None:
    with pytest.raises(UnreadableError):
        Call(operator, arguments)


def test_depth_is_bounded() -> None:
    nested = Call("negate", ("x",))
    for _ in range(DEEPEST - 1):
        nested = Call("negate", (nested,))
    assert nested.depth == DEEPEST
    with pytest.raises(UnreadableError, match="too deep"):
        Call("negate", (nested,))


def test_numbers_are_bounded() -> None:
    assert value(Call("square", (31_622,)), {}) <= LARGEST
    with pytest.raises(OverflowError):
        value(Call("square", (31_623,)), {})


def test_an_item_stands_only_in_what_is_done_to_each() -> None:
    assert checked(DOUBLED) == DOUBLED
    for outside in ("item", Call("+", ("item", 3)), Call("-", (Call("sum", (DOUBLED,)), "item"))):
        with pytest.raises(UnreadableError, match="item"):
            checked(outside)


def test_a_body_of_several_operators_has_no_sentence() -> None:
    body = Call("+", (Call("*", ("item", 2)), 3))
    for done in (body, "item", Call("+", (3, "item"))):
        with pytest.raises(UnreadableError, match="no sentence"):
            sentence(Call("map", (done, "items")))
