"""What passes between a program and its tests, without a sandbox around them."""

from __future__ import annotations

import io
import json
import math
import re
from collections import Counter, OrderedDict, namedtuple
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.execution.inside import LONGEST_REASON, Remote, packed, run_tests, serve, unpacked

HASHABLE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=8,
)
PLAIN = st.recursive(
    HASHABLE | st.complex_numbers(allow_nan=False) | st.fractions() | st.decimals(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(HASHABLE, inner, max_size=3) | st.sets(HASHABLE, max_size=3),
    max_leaves=12,
)  # fmt: skip


@given(PLAIN)
def test_plain_data_arrives_as_it_was(value) -> None:
    back = unpacked(json.loads(json.dumps(packed(value))))
    assert back == value
    assert type(back) is type(value)
    assert repr(back) == repr(value) or isinstance(value, set | frozenset | list | dict | tuple)


def test_not_a_number_and_the_sign_of_zero() -> None:
    assert math.isnan(unpacked(packed(math.nan)))
    assert math.copysign(1, unpacked(packed(-0.0))) == -1


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(x=1), {"x": 1}),
        (namedtuple("Pair", "left right")(1, 2), (1, 2)),
        (IntEnum("Colour", "red")(1), 1),
        (Decimal("1.50"), Decimal("1.50")),
        (Fraction(1, 3), Fraction(1, 3)),
    ],
)
def test_subclasses_become_what_they_derive_from(value, plain) -> None:
    back = unpacked(packed(value))
    assert back == plain
    assert type(back) is type(plain)


@pytest.mark.parametrize("value", [object(), print, (n for n in ()), range(3), [{"x": iter(())}], type, ...])
def test_other_things_do_not_pass(value) -> None:
    with pytest.raises(TypeError, match="cannot be passed between the program and its tests"):
        packed(value)


def test_an_imposter_is_not_unpacked() -> None:
    class Decimal:
        def __str__(self) -> str:
            return "1"

    with pytest.raises(TypeError):
        packed(Decimal())


def answered(program: str, *asked: dict) -> list[dict]:
    calls = io.StringIO("".join(json.dumps(each) + "\n" for each in asked))
    answers = io.StringIO()
    serve(program, calls, answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_a_program_answers_for_its_names() -> None:
    program = "import math\nlimit = [1]\ndef add(x, y=1):\n    return x + y"
    names = [{"name": name} for name in ("math", "limit", "add", "other")]
    call = {"call": "add", "arguments": packed((1,)), "keywords": packed({"y": 2})}
    assert answered(program, *names, call) == [
        {}, {"module": "math"}, {"value": packed([1])}, {"function": True}, {"missing": True}, {"value": packed(3)},
    ]  # fmt: skip


def test_what_goes_wrong_is_an_answer_too() -> None:
    call = {"call": "f", "arguments": packed(()), "keywords": packed({})}
    ready, error = answered("def f():\n    raise KeyError('x' * 10**6)", call)
    assert ready == {}
    assert error["error"] == "KeyError"
    assert len(error["text"]) == LONGEST_REASON
    assert answered("raise SystemExit")[0]["error"] == "SystemExit"


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ("", "EOFError: the program ended"),
        ("{}\n", "EOFError: the program ended"),
        ("{}\nnonsense\n", "JSONDecodeError"),
        ("{}\n[]\n", "TypeError|ValueError|NameError"),
        ('{}\n{"function": true}\n{}\n', "KeyError: 'value'"),
        ('{}\n{"function": true}\n{"value": {"os": 1}}\n', "KeyError: 'os'"),
        ('{}\n{"function": true}\n{"error": "exec", "text": "no"}\n', "RuntimeError: no"),
        ('{}\n{"function": true}\n{"error": "SystemExit", "text": "no"}\n', "RuntimeError: no"),
        ('{}\n{"module": "workbench.errors"}\n', "NameError: name 'f' is not defined"),
        ('{}\n{"function": true}\n{"value": true}', "ValueError: a result is too long"),
    ],
)
def test_answers_that_make_no_sense_are_failures(answers, reason) -> None:
    assert re.search(reason, run_tests("f()", io.StringIO(), io.StringIO(answers)))


def test_the_tests_keep_their_own_builtins() -> None:
    remote = Remote(io.StringIO(), io.StringIO())
    assert remote["len"] is len
