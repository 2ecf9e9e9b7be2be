"""What explorers show is what the plain reference measures, one condition at a time."""

from __future__ import annotations

import pytest

from workbench.errors import UserError
from workbench.explorers.answers import (
    ablated_answers,
    completion_tokens,
    differences,
    masked_answers,
)
from workbench.explorers.asked import Asked
from workbench.interventions import Clean, ContextMask, HeadAblation
from workbench.sweep import sweep


def test_masked_answers_are_the_references(tiny_model, small):
    import torch

    model = tiny_model("llama", torch.float64)
    task, prompt = Asked("toy", examples=2).prompt(model)
    answers = masked_answers(model, task, prompt, "FTF")
    conditions = [ContextMask.named("FTF", layer) for layer in range(model.n_layers)] + [Clean()]
    expected = sweep(model, [prompt], conditions, engine_name="reference")
    assert [answer.outcome.token_ids for answer in answers] == [outcome.token_ids for outcome in expected]
    for answer, outcome in zip(answers, expected, strict=True):
        mean = sum(outcome.log_probabilities) / len(outcome.log_probabilities)
        assert answer.log_probability == pytest.approx(mean, abs=1e-9)
    assert answers[-1].unchanged
    assert answers[-1].scores["divergence"] == pytest.approx(0, abs=1e-9)
    assert answers[0].log_probability != pytest.approx(answers[-1].log_probability, abs=1e-6)


@pytest.mark.parametrize("everywhere", [False, True])
def test_ablated_answers_are_the_references(tiny_model, small, everywhere):
    import torch

    model = tiny_model("llama", torch.float64)
    task, prompt = Asked("toy", examples=2).prompt(model)
    heads = [(0, 1), (3, 2)]
    quick = ablated_answers(model, task, prompt, heads, everywhere=everywhere, complete=False)
    whole = ablated_answers(model, task, prompt, heads, everywhere=everywhere, complete=True)
    where = ("all",) if everywhere else ("query", "completion")
    conditions = [*(HeadAblation({head}, positions=where) for head in heads), Clean()]
    expected = sweep(model, [prompt], conditions, engine_name="reference")
    for one, other, outcome in zip(quick, whole, expected, strict=True):
        mean = sum(outcome.log_probabilities) / len(outcome.log_probabilities)
        assert one.log_probability == pytest.approx(mean, abs=1e-9)
        assert other.log_probability == pytest.approx(mean, abs=1e-9)
        assert other.outcome.token_ids == outcome.token_ids
        assert one.outcome.token_ids == ()
    assert len({round(answer.log_probability, 9) for answer in quick}) == 3
    known = whole[-1].outcome
    again = ablated_answers(model, task, prompt, heads, everywhere=everywhere, complete=True, clean=known)
    assert [answer.outcome.token_ids for answer in again] == [answer.outcome.token_ids for answer in whole]
    for one, other in zip(again, whole, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-9, nan_ok=True)


def test_a_mask_that_hides_nothing_is_refused(small):
    task, prompt = Asked("toy", examples=2).prompt(small.model)
    with pytest.raises(UserError, match="hides instructions"):
        masked_answers(small.model, task, prompt, "TFF")


def test_differences_make_up_both_completions():
    now, before = (1, 2, 9, 4, 5, 6), (1, 2, 3, 4, 6, 7)
    stretches = differences(now, before)
    assert [(stretch.kind, stretch.token_ids) for stretch in stretches] == [
        ("same", (1, 2)),
        ("gone", (3,)),
        ("new", (9,)),
        ("same", (4,)),
        ("new", (5,)),
        ("same", (6,)),
        ("gone", (7,)),
    ]
    assert differences(now, now)[0].token_ids == now
    assert differences((), ()) == []


def test_tokens_of_the_stop_string_are_not_shown(small):
    from workbench.sweep import Outcome

    token_ids = tuple(small.model.encode("the red house\nQ:")[0])
    outcome = Outcome("one", 0, token_ids, "the red house", "stop", (), 0.0, (), "fast")
    shown = completion_tokens(small.model, outcome)
    assert small.model.decode(shown).strip() == "the red house"
    assert len(shown) < len(token_ids)


def test_a_test_item_that_is_not_there_is_refused(small):
    with pytest.raises(UserError, match="0 to 4"):
        Asked("toy", sentence=5, examples=2).prompt(small.model)
