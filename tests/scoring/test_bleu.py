from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.scoring import Scored, first_sentence, score_named
from workbench.scoring import bleu as module

WORDS = st.lists(st.sampled_from(["le", "Le", "chat", "dort", ".", "ne", "rouge", "l'eau", "3,5"]), max_size=12)
TEXT = WORDS.map(" ".join)


def summed(name: str, pairs: list[tuple[str, str]]) -> np.ndarray:
    score = score_named(name)
    return np.array([score.statistics(Scored(*pair)) for pair in pairs]).sum(0)


def reference_score(name: str, pairs: list[tuple[str, str]]) -> float:
    """What sacrebleu itself says of these texts."""
    completions, references = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if name == "bleu":
        completions = [first_sentence(text) for text in completions]
    return sacrebleu.corpus_bleu(completions, [references], lowercase=name == "bleu", force=True).score


@pytest.mark.parametrize("name", ["bleu", "bleu_default"])
def test_equals_sacrebleu_on_a_corpus(name: str, pairs: list[tuple[str, str]]) -> None:
    ours = score_named(name).aggregate(summed(name, pairs))
    assert ours == pytest.approx(reference_score(name, pairs), rel=1e-13)
    assert 10 < ours < 90


@pytest.mark.parametrize("name", ["bleu", "bleu_default"])
@settings(max_examples=150, deadline=None)
@given(pairs=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_equals_sacrebleu_where_orders_are_missing(name: str, pairs: list[tuple[str, str]]) -> None:
    """Short texts reach every branch: no match, some orders without a match, no 4-grams, empty."""
    ours = score_named(name).aggregate(summed(name, pairs))
    assert ours == pytest.approx(reference_score(name, pairs), rel=1e-12, abs=1e-12)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["bleu", "bleu_default"])
@pytest.mark.parametrize(("written", "wanted"), [("por_Latn", "spa_Latn"), ("ita_Latn", "fra_Latn")])
def test_equals_sacrebleu_on_flores(
    name: str, written: str, wanted: str, flores: Callable[[str, str], list[tuple[str, str]]]
) -> None:
    """Two related languages as completion and reference: real text and punctuation, a low score."""
    pairs = flores(written, wanted)
    ours = score_named(name).aggregate(summed(name, pairs))
    assert ours == pytest.approx(reference_score(name, pairs), rel=1e-13)
    assert 0.5 < ours < 40


def test_a_bootstrap_is_the_corpus_score_of_the_drawn_texts(pairs: list[tuple[str, str]]) -> None:
    score = score_named("bleu")
    statistics = np.array([score.statistics(Scored(*pair)) for pair in pairs])
    weights = np.random.default_rng(0).multinomial(len(pairs), [1 / len(pairs)] * len(pairs), size=20)
    together = score.aggregate(weights @ statistics)
    assert together.shape == (20,)
    for row, value in zip(weights, together, strict=True):
        drawn = [pair for pair, times in zip(pairs, row, strict=True) for _ in range(times)]
        assert value == pytest.approx(reference_score("bleu", drawn), rel=1e-12)


def test_corpus_bleu_is_not_the_mean_of_sentences(pairs: list[tuple[str, str]]) -> None:
    score = score_named("bleu_default")
    statistics = np.array([score.statistics(Scored(*pair)) for pair in pairs])
    assert abs(score.aggregate(statistics).mean() - score.aggregate(statistics.sum(0))) > 1


def test_aggregate_takes_any_batch(pairs: list[tuple[str, str]]) -> None:
    one = summed("bleu", pairs)
    grid = score_named("bleu").aggregate(np.tile(one, (3, 2, 1)))
    assert grid.shape == (3, 2)
    assert (grid == score_named("bleu").aggregate(one)).all()


def test_paper_setting_ignores_case_and_what_follows_the_first_sentence() -> None:
    completion = "LE CHAT DORT SUR LE CANAPÉ. Q: and on it goes, and on, and on"
    scored = Scored(completion, "le chat dort sur le canapé.")
    paper, default = score_named("bleu"), score_named("bleu_default")
    assert paper.aggregate(np.array(paper.statistics(scored))) == pytest.approx(100)
    assert default.aggregate(np.array(default.statistics(scored))) < 10


@pytest.mark.parametrize("completion", ["", "  \n"])
def test_an_empty_completion_scores_zero(completion: str) -> None:
    score = score_named("bleu")
    statistics = np.array(score.statistics(Scored(completion, "le chat dort sur le canapé")))
    assert score.aggregate(statistics) == 0
    assert statistics[0] == 0
    assert statistics[1] == 6


def test_statistics_of_one_prompt_by_hand() -> None:
    """Written a b c, wanted a b d e: two words and one pair match; 3, 2, 1 and 0 n-grams."""
    assert score_named("bleu").statistics(Scored("a b c", "a b d e")) == [3, 4, 2, 1, 0, 0, 3, 2, 1, 0]


def test_signatures_say_how() -> None:
    paper, default = score_named("bleu").signature, score_named("bleu_default").signature
    version = f"version:{sacrebleu.__version__}"
    assert paper == f"nrefs:1|case:lc|eff:no|tok:13a|smooth:exp|{version}|text:first-sentence-punkt"
    assert default == f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|{version}"


@pytest.mark.parametrize(
    ("language", "tokenizer"),
    [
        ("", "13a"),
        ("fra_Latn", "13a"),
        ("zho_Hans", "zh"),
        ("zh", "zh"),
        ("jpn_Jpan", "ja-mecab"),
        ("Chinese", "zh"),
    ],
)
def test_tokenizer_by_language(language: str, tokenizer: str) -> None:
    assert module.tokenizer_for(language) == tokenizer


def test_chinese_is_cut_into_characters() -> None:
    """13a sees one word per sentence there, so that a good translation would score 0."""
    scored = Scored("我喜欢红色的房子", "我喜欢红色的大房子")
    plain, chinese = score_named("bleu_default"), score_named("bleu_default", "zho_Hans")
    assert plain.aggregate(np.array(plain.statistics(scored))) == 0
    assert chinese.aggregate(np.array(chinese.statistics(scored))) > 50
    assert "tok:zh" in chinese.signature


def test_a_missing_tokenizer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise RuntimeError("Please install mecab.")

    module._metric.cache_clear()
    monkeypatch.setattr("sacrebleu.metrics.BLEU", refuse)
    with pytest.raises(UserError, match=r"ja-mecab.*Please install mecab.*chrf"):
        score_named("bleu", "jpn_Jpan")


def test_warning_free_on_tokenized_text(caplog: pytest.LogCaptureFixture) -> None:
    """sacrebleu suspects texts that end in " ."; the grammar's sentences all do."""
    score = score_named("bleu_default")
    for number in range(120):
        score.statistics(Scored(f"le chat {number} dort .", f"le chien {number} dort ."))
    assert not caplog.records
