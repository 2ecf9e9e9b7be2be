from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.tasks.task import Item, Task


def items(split: str, count: int) -> tuple[Item, ...]:
    return tuple(Item(f"t/{split}/{n}", f"source {n}", f"target {n}") for n in range(count))


def task(pool: int = 30, test: int = 7, name: str = "t") -> Task:
    return Task(name, "own", "Answer", items("pool", pool), items("test", test))


@given(count=st.integers(0, 30), seed=st.integers(0, 2**32))
def test_examples_are_different_items_of_the_pool(count: int, seed: int) -> None:
    drawn = task().examples(count, seed)
    assert len(drawn) == len(set(drawn)) == count
    assert set(drawn) <= set(task().pool)


def test_examples_are_fixed_by_the_seed() -> None:
    assert task().examples(5, 3) == task().examples(5, 3)
    assert len({task().examples(5, seed) for seed in range(20)}) == 20


def test_more_examples_keep_the_fewer() -> None:
    assert task().examples(10, 1)[:4] == task().examples(4, 1)


def test_every_item_of_the_pool_is_drawn_about_equally_often() -> None:
    counts = dict.fromkeys(task().pool, 0)
    for seed in range(600):
        for item in task().examples(5, seed):
            counts[item] += 1
    # 100 draws are expected of each; 4 standard deviations are 37.
    assert min(counts.values()) > 60
    assert max(counts.values()) < 140


def test_tasks_draw_apart() -> None:
    assert task().examples(5, 0) != task(name="other").examples(5, 0)


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (-1, r"The number of examples is -1; give 0 or more\."),
        (31, r"Task 't' has 30 items to draw examples from, fewer than the 31 asked for\."),
    ],
)
def test_too_few_and_too_many_examples(count: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        task().examples(count, 0)


def test_limit() -> None:
    assert task().limited(None) == task().test
    assert task().limited(3) == task().test[:3]
    for limit in (0, -2, 8):
        with pytest.raises(UserError, match=rf"{limit} test prompts were asked for; task 't' has 7: give 1 to 7"):
            task().limited(limit)
