"""The code tasks: the same sentences in every notation, held out of training, found by the registry."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.scoring import Scored, score_named
from workbench.tasks.functions.catalogue import catalogue
from workbench.tasks.functions.expression import sentence
from workbench.tasks.functions.notations import NOTATIONS
from workbench.tasks.functions.tasks import POOL_SIZE, TEST_SIZE, build, describe, names
from workbench.tasks.registry import find_task, list_tasks

NAMES = ["code-python", "code-lisp", "code-postfix"]


def test_the_registry_finds_them() -> None:
    assert names() == NAMES
    assert ("code-NOTATION", "code") in {(pattern, kind) for pattern, kind, _ in list_tasks()}
    assert [find_task(name).name for name in NAMES] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_pool_and_test(name: str) -> None:
    task, mapping = build(name), describe(name)
    assert (len(task.pool), len(task.test)) == (POOL_SIZE, TEST_SIZE)
    assert (task.kind, task.score, task.stop) == ("code", "same_value", ("\n",))
    assert task.instruction == mapping.instruction
    assert name.removeprefix("code-") in task.instruction.lower()
    items = (*task.pool, *task.test)
    assert len({item.source for item in items}) == len({item.name for item in items}) == len(items)


def test_a_task_is_the_same_each_time() -> None:
    assert build.__wrapped__("code-lisp") == build("code-lisp")


def test_items_are_functions_held_out_from_training() -> None:
    by_sentence = {sentence(function): function for shape in catalogue().values() for function in shape}
    for name in NAMES:
        task, notation = build(name), NOTATIONS[name.removeprefix("code-")]
        for split, items in (("pool", task.pool), ("test", task.test)):
            for item in items:
                function = by_sentence[item.source]
                assert function.split == split
                assert notation.read(item.target) == function


def test_every_notation_is_asked_the_same_sentences() -> None:
    """No query tells which notation is wanted; the answers all differ."""
    tasks = [build(name) for name in NAMES]
    for items in zip(*(task.test for task in tasks), strict=True):
        assert len({item.source for item in items}) == 1
        assert len({item.target for item in items}) == len(NAMES)
    assert len({task.digest for task in tasks}) == len(NAMES)


def test_a_mapping_draws_what_it_asks() -> None:
    drawn = []
    for name in NAMES:
        mapping, stream = describe(name), np.random.default_rng(2)
        functions = [mapping.draw(stream) for _ in range(20)]
        drawn.append(functions)
        for function in functions:
            assert mapping.pair(function, stream) == (
                sentence(function),
                NOTATIONS[name.removeprefix("code-")].write(function),
            )
    assert drawn[0] == drawn[1] == drawn[2]


def test_answers_fit_the_longest_completion() -> None:
    """The tokenizer gives a symbol one token, and a digit one more for the space after it."""
    for name in NAMES:
        task = build(name)
        for item in (*task.pool, *task.test):
            symbols = item.target.split(" ")
            assert len(symbols) + sum(symbol.isdigit() for symbol in symbols) < task.max_new_tokens


def test_every_answer_scores_as_right_and_no_other_notation_does() -> None:
    score = score_named("same_value")
    tasks = [build(name) for name in NAMES]
    for index in range(5):
        for task in tasks:
            right = task.test[index].target
            scores = [score.statistics(Scored(other.test[index].target, right))[0] for other in tasks]
            assert scores == [float(other is task) for other in tasks]
