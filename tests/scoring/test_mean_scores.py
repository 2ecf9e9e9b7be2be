"""Exact match, log-probability, agreement and divergence: the scores that are plain means."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.scoring import Scored, score_named

TOKENS = st.lists(st.integers(0, 3), max_size=8).map(tuple)


def mean(name: str, prompts: list[Scored]) -> float:
    score = score_named(name)
    return float(score.aggregate(np.array([score.statistics(prompt) for prompt in prompts]).sum(0)))


@pytest.mark.parametrize(
    ("completion", "reference", "right"),
    [
        ("chat", "chat", 1),
        (" chat\n", "chat", 1),
        ("le  petit chat", "le petit chat", 1),
        ("cafe\u0301", "caf\u00e9", 1),
        ("Chat", "chat", 0),
        ("chat .", "chat", 0),
        ("cha", "chat", 0),
        ("", "chat", 0),
        ("", "", 0),
    ],
)
def test_exact_match_of_one_prompt(completion: str, reference: str, right: int) -> None:
    assert score_named("exact_match").statistics(Scored(completion, reference)) == [right, 1]


def test_exact_match_is_a_share() -> None:
    prompts = [Scored("a", "a"), Scored("b", "a"), Scored("a", "a"), Scored("", "a")]
    assert mean("exact_match", prompts) == 0.5


def test_log_probability_weighs_tokens_not_prompts() -> None:
    prompts = [Scored("", log_probabilities=(-1.0, -1.0, -1.0)), Scored("", log_probabilities=(-5.0,))]
    assert mean("log_probability", prompts) == pytest.approx(-2.0)


def test_log_probability_without_tokens_is_undefined() -> None:
    assert math.isnan(mean("log_probability", [Scored("a")]))


@pytest.mark.parametrize(
    ("written", "clean", "share"),
    [
        ((1, 2, 3), (1, 2, 3), 1.0),
        ((), (), 1.0),
        ((1, 2), (1, 2, 3, 4), 0.5),
        ((1, 2, 3, 4), (1, 2), 0.5),
        ((9, 2, 3), (1, 2, 3), 0.0),
        ((), (1,), 0.0),
        ((1, 9, 3, 4), (1, 2, 3, 4), 0.25),
    ],
)
def test_agreement_of_one_prompt(written: tuple[int, ...], clean: tuple[int, ...], share: float) -> None:
    scored = Scored("", token_ids=written, clean_token_ids=clean)
    assert score_named("agreement").statistics(scored) == [share, 1.0]


@given(TOKENS, TOKENS)
def test_agreement_is_symmetric_and_1_only_for_equal(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    score = score_named("agreement")
    share = score.statistics(Scored("", token_ids=left, clean_token_ids=right))[0]
    assert share == score.statistics(Scored("", token_ids=right, clean_token_ids=left))[0]
    assert 0 <= share <= 1
    assert (share == 1) == (left == right)


def test_divergence_is_a_mean_over_prompts_and_lower_is_better() -> None:
    assert mean("divergence", [Scored("", divergence=0.5), Scored("", divergence=1.5)]) == 1.0
    assert not score_named("divergence").higher_is_better


@given(st.lists(st.tuples(st.floats(-50, 0), st.integers(1, 9)), min_size=1, max_size=6), st.integers(1, 5))
def test_a_weighted_sum_is_the_score_of_repeated_prompts(prompts: list[tuple[float, int]], times: int) -> None:
    score = score_named("log_probability")
    rows = np.array([score.statistics(Scored("", log_probabilities=(value,) * count)) for value, count in prompts])
    weights = np.full(len(rows), times, dtype=float)
    assert score.aggregate(weights @ rows) == pytest.approx(score.aggregate(rows.sum(0)))
    assert score.aggregate(np.stack([rows, rows])).shape == (2, len(rows))
