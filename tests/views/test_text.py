"""Words and numbers, and that nothing from data can be markup."""

from __future__ import annotations

import html

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.scoring import SCORE_NAMES, score_named
from workbench.views import text


def test_escape_uses_only_entities_that_plotly_knows():
    assert text.escape("<b>'a' & \"b\"</b>") == "&lt;b&gt;'a' &amp; \"b\"&lt;/b&gt;"


def test_escape_shows_line_breaks():
    assert text.escape("one\ntwo") == "one ⏎ two"


@given(st.text(max_size=400))
def test_wrapped_keeps_every_letter_and_leaves_no_markup(raw):
    lines = text.wrapped(raw, limit=10_000).split("<br>")
    assert all("<" not in line and ">" not in line for line in lines)
    assert all(len(html.unescape(line)) <= 62 for line in lines)
    back = "".join(html.unescape(line) for line in lines).replace(" ", "")
    wanted = "".join(" ".join(raw.replace("\n", "⏎").split()).split())
    assert back == (wanted or "(empty)") or "&" in raw


def test_wrapped_cuts_long_texts_with_an_ellipsis():
    cut = text.wrapped("word " * 200, limit=100)
    assert cut.endswith("…")
    assert len(cut.replace("<br>", " ")) <= 101


def test_wrapped_breaks_text_without_spaces():
    assert "<br>" in text.wrapped("那些小猫没有看见红色的房子" * 10)


def test_an_empty_completion_is_said():
    assert text.wrapped("  ") == "(empty)"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(93.14, "93.1"), (4.111, "4.11"), (0.954, "0.95"), (0.00041, "4.1e−04"), (-2.5, "−2.50"), (0.0, "0"), (None, "–")],
)
def test_number(value, shown):
    assert text.number(value) == shown


def test_number_of_missing_values():
    assert text.number(float("nan")) == "–"
    assert text.number(pd.NA) == "–"


@pytest.mark.parametrize(("layer", "shown"), [(0, "0"), (5, "5"), (8, "none"), (pd.NA, "none"), (5.0, "5")])
def test_layer_word(layer, shown):
    assert text.layer_word(layer, 8) == shown


def test_layer_interval():
    assert text.layer_interval(4, 6, 8) == "[4, 6]"
    assert text.layer_interval(6, 8, 8) == "[6, none]"
    assert text.layer_interval(pd.NA, 6, 8) == ""


def test_plural():
    assert text.plural(1, "seed") == "1 seed"
    assert text.plural(0, "example") == "0 examples"


def test_masks_are_explained_by_their_letters():
    for mask, words in text.MASK_WORDS.items():
        if mask in ("FFF", "TTT", "mask_all"):
            continue
        for letter, part in zip(mask, ("instructions", "examples", "query"), strict=True):
            assert (part in words) == (letter == "T")
    assert text.mask_label("own") == "own"


@pytest.mark.parametrize("name", SCORE_NAMES)
def test_axis_labels_are_the_scores_own(name):
    assert text.score_label(name) == score_named(name).label


def test_an_unknown_score_is_its_own_label():
    assert text.score_label("perplexity") == "perplexity"
    assert text.score_name("made_up") == "made up"
