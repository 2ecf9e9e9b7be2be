from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.scoring import Scored, score_named

TEXT = st.text(alphabet="ab cé.,(", max_size=12)


def summed(pairs: list[tuple[str, str]]) -> np.ndarray:
    score = score_named("chrf")
    return np.array([score.statistics(Scored(*pair)) for pair in pairs]).sum(0)


def reference_score(pairs: list[tuple[str, str]]) -> float:
    """What sacrebleu itself says of these texts."""
    completions, references = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return sacrebleu.corpus_chrf(completions, [references], word_order=2).score


def test_equals_sacrebleu_on_a_corpus(pairs: list[tuple[str, str]]) -> None:
    ours = score_named("chrf").aggregate(summed(pairs))
    assert ours == pytest.approx(reference_score(pairs), rel=1e-13)
    assert 10 < ours < 90


@settings(max_examples=200, deadline=None)
@given(pairs=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_equals_sacrebleu_on_short_texts(pairs: list[tuple[str, str]]) -> None:
    """Texts of a few letters lack most orders on one side or both."""
    ours = score_named("chrf").aggregate(summed(pairs))
    assert ours == pytest.approx(reference_score(pairs), rel=1e-12, abs=1e-12)


@pytest.mark.real_data
@pytest.mark.parametrize(("written", "wanted"), [("por_Latn", "spa_Latn"), ("jpn_Jpan", "zho_Hans")])
def test_equals_sacrebleu_on_flores(
    written: str, wanted: str, flores: Callable[[str, str], list[tuple[str, str]]]
) -> None:
    pairs = flores(written, wanted)
    ours = score_named("chrf").aggregate(summed(pairs))
    assert ours == pytest.approx(reference_score(pairs), rel=1e-13)
    assert 0.5 < ours < 70


def test_a_bootstrap_is_the_corpus_score_of_the_drawn_texts(pairs: list[tuple[str, str]]) -> None:
    score = score_named("chrf")
    statistics = np.array([score.statistics(Scored(*pair)) for pair in pairs])
    weights = np.random.default_rng(1).multinomial(len(pairs), [1 / len(pairs)] * len(pairs), size=10)
    for row, value in zip(weights, score.aggregate(weights @ statistics), strict=True):
        drawn = [pair for pair, times in zip(pairs, row, strict=True) for _ in range(times)]
        assert value == pytest.approx(reference_score(drawn), rel=1e-12)


def test_identical_is_100_and_empty_is_0() -> None:
    score = score_named("chrf")
    assert score.aggregate(summed([("le chat dort", "le chat dort")])) == pytest.approx(100)
    assert score.aggregate(summed([("", "le chat dort")])) == 0
    assert score.aggregate(np.zeros(24)) == 0


def test_signature_says_how() -> None:
    expected = f"nrefs:1|case:mixed|eff:yes|nc:6|nw:2|space:no|version:{sacrebleu.__version__}"
    assert score_named("chrf").signature == expected
