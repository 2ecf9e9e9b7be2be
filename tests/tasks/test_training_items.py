from __future__ import annotations

import pytest

from workbench.errors import UserError
from workbench.tasks.grammar.tasks import describe
from workbench.tasks.registry import find_task
from workbench.tasks.training_items import training_items


@pytest.mark.parametrize("name", ["translate-en-pt", "future-en-fr", "code-python", "bitwise-xor"])
def test_no_item_is_in_the_pool_or_the_test_set(name):
    task = find_task(name)
    items = training_items(name, 60)
    sources = [item.source for item in items]
    assert len(set(sources)) == 60
    assert not set(sources) & {item.source for item in (*task.pool, *task.test)}


def test_the_seed_draws_them():
    first, again, other = (training_items("translate-en-pt", 20, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_more_items_begin_with_the_fewer():
    assert training_items("translate-en-pt", 30)[:10] == training_items("translate-en-pt", 10)


def test_they_are_the_tasks_own_pairs():
    mapping = describe("translate-en-fr")
    french = {item.source: item.target for item in training_items("translate-en-fr", 30)}
    assert mapping.kind == "translate"
    assert all(target != source for source, target in french.items())


def test_a_task_with_fewer_than_asked():
    with pytest.raises(UserError, match=r"'bitwise-and' has \d+ items to train on, fewer than the 5000 asked for"):
        training_items("bitwise-and", 5000)


@pytest.mark.parametrize("name", ["opposite-en", "humaneval", "tsv:nowhere.tsv"])
def test_a_task_with_none(name):
    with pytest.raises(UserError, match=f"'{name}' has no items to train on; flores:SOURCE-TARGET"):
        training_items(name, 5)


def test_an_unknown_task():
    with pytest.raises(UserError, match=r"Unknown task 'bitwise-xr'; did you mean bitwise-xor"):
        training_items("bitwise-xr", 5)


@pytest.mark.real_data
def test_flores_leaves_the_first_800_lines_of_dev(real_data):
    name = "flores:eng_Latn-fra_Latn"
    items = training_items(name, 800, data=real_data)
    lines = (real_data / "flores200" / "dev" / "eng_Latn.dev").read_text(encoding="utf-8").split("\n")
    assert [item.source for item in items] == lines[:800]
    pool = find_task(name, data=real_data).pool
    assert [item.source for item in pool] == lines[800:997]


@pytest.mark.real_data
def test_flores_has_no_more_than_800(real_data):
    with pytest.raises(UserError, match="has 800 lines to train on; 801 were asked for"):
        training_items("flores:eng_Latn-fra_Latn", 801, data=real_data)
