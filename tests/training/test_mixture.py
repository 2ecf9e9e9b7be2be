from __future__ import annotations

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from workbench.models.registry import MINI
from workbench.tasks.bitwise import Numbers
from workbench.tasks.grammar.meaning import HELD_OUT_TRANSFORMATION
from workbench.tasks.registry import find_task
from workbench.training.mixture import (
    LONGEST,
    OPERATOR_EVERY,
    OPERATORS,
    SHARES,
    _asked,
    describe,
    draw_batch,
    left_out,
    share_of,
    tasks_of,
)


@pytest.fixture(scope="module")
def tokenizer():
    return PreTrainedTokenizerFast.from_pretrained(str(MINI))


@pytest.fixture(scope="module")
def batches(tokenizer):
    return [draw_batch(tokenizer, prompts=8, seed=0, step=step) for step in range(12)]


def lines(tokenizer, batch):
    return [line for row in batch.token_ids for line in tokenizer.decode(row, skip_special_tokens=True).split("\n")]


def test_a_step_names_its_own_random_stream(tokenizer, batches):
    again = draw_batch(tokenizer, prompts=8, seed=0, step=3)
    assert torch.equal(again.token_ids, batches[3].token_ids)
    assert torch.equal(again.weights, batches[3].weights)
    other = draw_batch(tokenizer, prompts=8, seed=1, step=3)
    assert other.token_ids.shape != again.token_ids.shape or not torch.equal(other.token_ids, again.token_ids)


def test_the_loss_is_on_whole_targets_and_the_newline_after_them_only(tokenizer, batches):
    for batch in batches:
        for row, weights in zip(batch.token_ids.tolist(), batch.weights, strict=True):
            learned, targets = "", []
            for token, weight in zip(row, weights.tolist(), strict=True):
                text = tokenizer.decode([token])
                if weight:
                    learned += text
                elif learned:
                    targets.append(learned)
                    learned = ""
            targets += [learned] if learned else []
            text = tokenizer.decode(row, skip_special_tokens=True)
            expected = [part.split("\nQ:")[0] for part in text.split("A:")[1:]]
            assert [target.strip() for target in targets] == [target.strip() for target in expected]
            assert all(target.endswith(" \n") for target in targets)


def test_each_target_weighs_as_the_root_of_its_length(batches):
    for batch in batches:
        for weights in batch.weights:
            runs = [[]]
            for weight in weights.tolist():
                if weight:
                    runs[-1].append(weight)
                elif runs[-1]:
                    runs.append([])
            for run in filter(None, runs):
                assert sum(run) == pytest.approx(len(run) ** 0.5, rel=1e-4)


def test_the_last_target_is_where_it_is_said_to_be(tokenizer, batches):
    for batch in batches:
        for row, last in zip(batch.token_ids, batch.last.tolist(), strict=True):
            assert tokenizer.decode(row[:last]).endswith("A:")
            assert "A:" not in tokenizer.decode(row[last:])


def test_held_out_queries_are_never_trained_on(tokenizer):
    tasks = ("translate-en-fr", "translate-de-it", "past-es-en", "first-verb-fr", "code-lisp", "bitwise-xor")
    held_out = {item.source for name in tasks for item in (*find_task(name).pool, *find_task(name).test)}
    seen = {
        line.removeprefix("Q:").split("A:")[0].strip()
        for step in range(30)
        # Late enough that every bitwise operator is asked.
        for line in lines(tokenizer, draw_batch(tokenizer, prompts=16, seed=3, step=10_000 + step))
    }
    assert len(seen) > 1500
    assert any(line.startswith("the sum of") for line in seen)
    numbers = [Numbers(*line.split(" ")) for line in seen if set(line) == {"0", "1", " "}]
    assert len(numbers) > 100
    assert {pair.split for pair in numbers} == {"train"}
    assert not held_out & seen


def test_left_out_language_and_transformation_are_not_in_the_mixture():
    names = [name for kind in SHARES for name in tasks_of(kind)]
    assert len(names) == len(set(names)) == 20 + 75 + 35 + 35 + 3 + 7
    assert not [name for name in names if "pt" in name.split("-")]
    assert not [name for name in names if name.startswith(HELD_OUT_TRANSFORMATION)]
    one_of_each = ("translate-en-pt", "future-en-fr", "word-pt-en", "first-noun-pt")
    assert set(one_of_each) <= set(left_out())
    assert all(find_task(name).test for name in one_of_each)


def test_shares_of_all_tasks_make_the_whole():
    names = [name for kind in SHARES for name in tasks_of(kind)]
    assert sum(share_of(name) for name in names) == pytest.approx(1)
    assert {share_of(name) for name in left_out()} == {0.0}


def test_prompts_of_a_step_are_about_equally_long(batches):
    for batch in batches:
        lengths = (batch.token_ids != 0).sum(1)
        # The last pair passes the length that was drawn; four long sentences may pass it further.
        assert lengths.max() < LONGEST + 2 * 40
        assert lengths.float().mean() > 0.8 * lengths.max()


def test_bitwise_operators_join_one_by_one(tokenizer):
    joined = [set(_asked("bitwise", OPERATOR_EVERY * count)) for count in range(len(OPERATORS))]
    assert joined[0] == {"bitwise-and"}
    assert [len(names) for names in joined] == [1, 2, 3, 4, 5, 7]
    assert joined[1] == {"bitwise-and", "bitwise-nand"}
    assert joined[-1] == set(tasks_of("bitwise"))
    assert _asked("bitwise", OPERATOR_EVERY - 1) == _asked("bitwise", 0)
    # And what is drawn follows it.
    seen = {line for step in range(20) for line in lines(tokenizer, draw_batch(tokenizer, 16, 0, step))}
    assert {name for name in tasks_of("bitwise") if f"{describe('bitwise', name).instruction}:" in seen} == joined[0]
