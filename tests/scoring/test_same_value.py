"""Same value: other words for the same function count, anything else does not, and nothing is run."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.scoring import SCORE_NAMES, Scored, score_named
from workbench.scoring.same_value import WIDEST, inputs

DIGITS = range(2, 10)


def score(completion: str, reference: str) -> float:
    return score_named("same_value").statistics(Scored(completion, reference))[0]


def test_it_is_registered_and_has_a_zero() -> None:
    assert "same_value" in SCORE_NAMES
    assert score_named("same_value").true_zero
    assert "python,lisp,postfix" in score_named("same_value").signature


@pytest.mark.parametrize(
    ("completion", "reference"),
    [
        ("x + y", "x + y"),
        (" y+x \n", "x + y"),
        ("x - - y", "x + y"),
        ("( + y x )", "( + x y )"),
        ("y x +", "x y +"),
        ("x * x", "x ** 2"),
        ("sorted ( items ) [ 0 ]", "min ( items )"),
        ("sum ( item * 2 for item in items )", "sum ( items ) * 2"),
        ("2 < x", "x > 2"),
        ("items [ item 2 > ] filter [ item 2 + ] map", "items [ item 2 + ] map [ item 4 > ] filter"),
    ],
)
def test_the_same_function_in_other_words(completion: str, reference: str) -> None:
    assert score(completion, reference) == 1.0


@pytest.mark.parametrize(
    ("completion", "reference"),
    [
        ("", "x + y"),
        ("x", "x + y"),
        ("x - y", "x + y"),
        ("x y +", "x + y"),
        ("( + x y )", "x + y"),
        ("x + y", "( + x y )"),
        ("x + y x + y", "x + y"),
        ("max ( items )", "min ( items )"),
        ("items", "sorted ( items )"),
        ("( x > 2 ) * 1", "x > 2"),
        ("x % 0", "x % 2"),
        ("le chat", "le chat"),
        ("__import__ ( 'os' )", "x + y"),
        ("99999999 ** 2 * x", "x"),
    ],
)
def test_anything_else_is_wrong(completion: str, reference: str) -> None:
    assert score(completion, reference) == 0.0


def test_malice_scores_nothing_and_does_nothing(tmp_path) -> None:
    trace = tmp_path / "trace"
    for completion in (f"open('{trace}', 'w')", f"__import__('pathlib').Path('{trace}').touch()", "9**9**9"):
        assert score(completion, "x + y") == 0.0
    assert not trace.exists()


def test_the_inputs_hold_every_number_and_lists_of_every_length() -> None:
    numbers = set(range(-WIDEST, WIDEST + 1))
    assert {given["x"] for given in inputs()} == {given["y"] for given in inputs()} == numbers
    assert {len(given["items"]) for given in inputs()} == set(range(9))
    assert {item for given in inputs() for item in given["items"]} == numbers
    assert inputs() == inputs.__wrapped__()


@pytest.mark.parametrize(
    "written",
    [
        "x > {}",
        "max ( y , {} )",
        "x % {}",
        "[ item for item in items if item < {} ]",
        "max ( [ item for item in items if item > {} ] )",
        "min ( [ item for item in items if item < {} ] )",
        "items [ 0 ] > {}",
        "( x + y ) * {}",
        "max ( x * y , {} )",
    ],
)
def test_the_inputs_tell_neighbouring_digits_apart(written: str) -> None:
    for wanted in DIGITS:
        for other in DIGITS:
            assert score(written.format(other), written.format(wanted)) == float(other == wanted)


def test_it_is_a_share() -> None:
    prompts = [Scored("y + x", "x + y"), Scored("x", "x + y"), Scored("x + y", "x + y"), Scored("?", "x + y")]
    rows = np.array([score_named("same_value").statistics(prompt) for prompt in prompts])
    assert score_named("same_value").aggregate(rows.sum(0)) == 0.5
