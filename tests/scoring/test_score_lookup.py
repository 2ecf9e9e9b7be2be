from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from workbench.errors import UserError
from workbench.scoring import SCORE_NAMES, Scored, score_named

FULL = Scored("le chat", "le chat noir", (1, 2), (1, 2, 3), (-0.5, -0.25), 0.125)
# pass@1 executes code, which has tests of its own.
BY_TEXT = [name for name in SCORE_NAMES if name != "pass_at_1"]
LENGTHS = {"bleu": 10, "bleu_default": 10, "chrf": 24}


def test_the_names_are_the_contract() -> None:
    assert set(SCORE_NAMES) == {
        "bleu", "bleu_default", "pass_at_1", "chrf", "exact_match", "same_value", "log_probability", "agreement",
        "divergence",
    }  # fmt: skip


@pytest.mark.parametrize("name", BY_TEXT)
def test_every_score_is_complete(name: str) -> None:
    score = score_named(name)
    statistics = score.statistics(FULL)
    assert score.name == name
    assert score.label
    assert score.signature
    assert len(statistics) == LENGTHS.get(name, 2)
    assert all(isinstance(value, float) for value in statistics)
    assert np.isfinite(score.aggregate(np.array(statistics)))
    assert score == score_named(name)


@pytest.mark.parametrize("name", BY_TEXT)
def test_every_score_takes_an_empty_completion(name: str) -> None:
    score = score_named(name)
    empty = Scored("", "le chat", (), (1,), (-9.0,), 2.0)
    assert float(score.aggregate(np.array(score.statistics(empty)))) <= (2.0 if name == "divergence" else 0.0)


def test_which_scores_have_a_true_zero() -> None:
    assert {name for name in SCORE_NAMES if not score_named(name).true_zero} == {
        "log_probability",
        "divergence",
    }


@pytest.mark.parametrize(
    ("wrong", "nearest"), [("blue", "bleu"), ("exact", "exact_match"), ("logprobability", "log_probability")]
)
def test_an_unknown_score_names_the_nearest(wrong: str, nearest: str) -> None:
    with pytest.raises(UserError, match=rf"no score named '{wrong}'; did you mean .*\b{nearest}\b.*\?"):
        score_named(wrong)


def test_a_hopeless_name_gets_the_list() -> None:
    with pytest.raises(UserError, match=r"choose one.*bleu, bleu_default, pass_at_1, chrf, exact_match"):
        score_named("zzz")


def test_scores_cannot_be_edited() -> None:
    with pytest.raises(FrozenInstanceError):
        score_named("chrf").name = "other"  # type: ignore[misc]


def test_importing_the_scores_loads_neither_nltk_nor_torch() -> None:
    code = "import sys, workbench.scoring; print(sorted({'nltk', 'torch', 'sacrebleu'} & set(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"
