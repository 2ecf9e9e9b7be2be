from __future__ import annotations

import pytest
import torch

from workbench.tasks.grammar.meaning import HELD_OUT_TRANSFORMATION
from workbench.tasks.grammar.tasks import build
from workbench.training.mixture import SHARES, draw_batch, tasks_of
from workbench.training.tokenizer import train_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer()


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


def test_held_out_sentences_are_never_trained_on(tokenizer):
    held_out = {
        item.source
        for name in ("translate-en-fr", "translate-de-it", "past-es-en", "first-verb-fr")
        for item in (*build(name).pool, *build(name).test)
    }
    seen = {
        line.removeprefix("Q:").split("A:")[0].strip()
        for step in range(60)
        for line in lines(tokenizer, draw_batch(tokenizer, prompts=16, seed=3, step=step))
    }
    assert len(seen) > 3000
    assert not held_out & seen


def test_left_out_language_and_transformation_are_not_in_the_mixture():
    names = [name for kind in SHARES for name in tasks_of(kind)]
    assert len(names) == len(set(names)) == 20 + 75 + 35
    assert not [name for name in names if name.endswith("-pt") or "-pt-" in name]
    assert not [name for name in names if name.startswith(HELD_OUT_TRANSFORMATION)]
