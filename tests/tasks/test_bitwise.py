"""Bitwise tasks: answers by the operators' definitions, the same queries for all, nothing held out is trained on."""

from __future__ import annotations

import operator
from collections.abc import Callable

import numpy as np
import pytest

from workbench.random_streams import stream
from workbench.tasks.bitwise import BITS, CHANCE, FAMILIES, Numbers, describe, names
from workbench.tasks.registry import find_task

FULL = 2**BITS - 1
BY_INTEGERS: dict[str, Callable[[int, int], int]] = {
    "and": operator.and_,
    "nand": lambda left, right: FULL ^ (left & right),
    "or": operator.or_,
    "nor": lambda left, right: FULL ^ (left | right),
    "xor": operator.xor,
    "xnor": lambda left, right: FULL ^ left ^ right,
}


@pytest.mark.parametrize("name", BY_INTEGERS)
def test_answers_are_those_of_integers(name):
    task = find_task(f"bitwise-{name}")
    for item in (*task.pool, *task.test):
        left, right = (int(number, 2) for number in item.source.split(" "))
        assert int(item.target, 2) == BY_INTEGERS[name](left, right)
        assert len(item.target) == BITS


def test_every_operator_is_asked_the_same_queries():
    asked = {tuple(item.source for item in find_task(name).test) for name in names()}
    assert len(asked) == 1
    assert len(next(iter(asked))) == len(set(next(iter(asked)))) == 200


def test_pool_and_test_share_nothing_and_are_not_for_training():
    task = find_task("bitwise-and")
    pool, test = ({item.source for item in items} for items in (task.pool, task.test))
    assert not pool & test
    assert {Numbers(*source.split(" ")).split for source in pool} == {"pool"}
    assert {Numbers(*source.split(" ")).split for source in test} == {"test"}


def test_the_null_class_has_nothing_to_find():
    task = find_task("bitwise-null")
    digits = np.array([[int(digit) for digit in item.target] for item in task.test])
    left = np.array([[int(digit) for digit in item.source.split(" ")[0]] for item in task.test])
    # 1000 digits: three standard deviations of a fair coin are 0.047.
    assert abs(digits.mean() - 0.5) < 0.05
    assert abs(np.corrcoef(digits.ravel(), left.ravel())[0, 1]) < 0.1


def test_a_guess_is_right_by_chance_as_often_as_is_said():
    answers = [item.target for item in find_task("bitwise-null").test]
    # 200 answers among 32: the most frequent is no more than chance allows (four standard deviations).
    share = max(answers.count(answer) for answer in answers) / len(answers)
    assert share < CHANCE + 4 * (CHANCE / len(answers)) ** 0.5
    assert pytest.approx(1 / 32) == CHANCE


def test_what_has_a_rule_and_what_has_none_are_listed_apart():
    ruled, lawless = FAMILIES
    assert lawless.names == ("bitwise-null",)
    assert "3% by chance" in lawless.description
    assert {*ruled.names, *lawless.names} == set(names())


def test_drawing_covers_all_numbers():
    mapping = describe("bitwise-or")
    generator = stream(0, "test")
    drawn = {mapping.draw(generator) for _ in range(20_000)}
    assert len(drawn) == 2 ** (2 * BITS)
