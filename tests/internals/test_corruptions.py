"""Corrupted prompts that correspond to clean ones, position by position."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.errors import UserError
from workbench.internals.corruptions import Asked, corresponding, prompt_pairs, selector
from workbench.interventions.positions import selected_positions
from workbench.tasks.task import Item, Task

WORDS = ["cat", "dog", "house", "red house", "the small cat", "a dog", "book", "table", "see", "where", "the cat"]


LETTERS = list("BCDFGHJKLMN")
"""Of one token each."""


def task(name: str, shift: int, words: list[str] = WORDS) -> Task:
    pairs = [Item(f"{name}/{n}", word, words[(n + shift) % len(words)]) for n, word in enumerate(words)]
    return Task(name, "toy", "Answer", pairs[3:], pairs[:3], stop=("\n",))


CLEAN, OTHER = task("clean", 4), task("other", 7)
ASKED = Asked("instr_none_QA", 2, 0, "other-task", OTHER, "tokens")


@pytest.fixture(scope="module")
def model(tiny_model):
    return tiny_model("llama")


@pytest.mark.parametrize("corruption", ["other-task", "shuffled"])
def test_every_position_has_its_counterpart(model, corruption):
    clean, other = task("clean", 4, LETTERS), task("other", 7, LETTERS)
    asked = replace(ASKED, corruption=corruption, other=other, examples=3)
    for pair in prompt_pairs(model, clean, clean.test, asked):
        assert pair.clean.segments == pair.corrupted.segments
        assert pair.clean.text != pair.corrupted.text
        assert (pair.clean.name, pair.clean.reference_ids) == (pair.corrupted.name, pair.corrupted.reference_ids)
        own = pair.clean.positions("query")
        assert [pair.clean.token_ids[p] for p in own] == [pair.corrupted.token_ids[p] for p in own]


def test_shuffled_targets_are_never_their_own(model):
    for seed in range(4):
        asked = replace(ASKED, corruption="shuffled", alignment="last", examples=4, seed=seed)
        pair, *_ = prompt_pairs(model, CLEAN, CLEAN.test, asked)
        for example in range(4):
            texts = []
            for prompt in (pair.clean, pair.corrupted):
                at = prompt.positions(f"examples.{example}.target")
                texts.append(model.decode([prompt.token_ids[position] for position in at]))
            assert texts[0] != texts[1]


def test_the_last_tokens_of_unequal_segments_correspond(model):
    asked = replace(ASKED, alignment="last", examples=3)
    pair, *_ = prompt_pairs(model, CLEAN, CLEAN.test, asked)
    assert pair.clean.segments != pair.corrupted.segments
    places = corresponding(pair, "examples.target", "last")
    ends = [segment.end - 1 for segment in pair.corrupted.segments if segment.path.endswith(".target")]
    assert list(places) == ends
    assert selected_positions(pair.clean, selector("answer", "last")) == (len(pair.clean.token_ids) - 1,)
    assert len(selected_positions(pair.clean, selector("prompt", "tokens"))) == len(pair.clean.token_ids)


def test_what_cannot_correspond_is_refused(model):
    with pytest.raises(UserError, match=r"none can stand in the place of .* --align last"):
        prompt_pairs(model, CLEAN, CLEAN.test, replace(ASKED, examples=8))
    with pytest.raises(UserError, match="nothing to corrupt"):
        prompt_pairs(model, CLEAN, CLEAN.test, replace(ASKED, examples=0))
    with pytest.raises(UserError, match="--other"):
        prompt_pairs(model, CLEAN, CLEAN.test, replace(ASKED, other=None))
    pair, *_ = prompt_pairs(model, CLEAN, CLEAN.test, replace(ASKED, alignment="last"))
    with pytest.raises(UserError, match="no instructions"):
        corresponding(pair, "instructions", "last")
    with pytest.raises(UserError, match="give other places"):
        corresponding(pair, "examples", "tokens")
