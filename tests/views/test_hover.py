"""What appears under the pointer."""

from __future__ import annotations

import pytest

from workbench.views.hover import example_prompt, point_text, recognition_text
from workbench.views.series import series_of


@pytest.fixture
def pair(curves, recognition):
    rows = curves[curves["task"] == "translate-en-fr"]
    return series_of(rows, recognition[recognition["task"] == "translate-en-fr"])


@pytest.fixture
def texts(completions):
    return completions[completions["task"] == "translate-en-fr"]


def test_one_prompt_at_every_layer(pair, texts):
    found = example_prompt(texts, pair[0])
    assert sorted(found) == list(range(9))
    assert {row["prompt"] for row in found.values()} == {"sentence-0"}
    assert {row["seed"] for row in found.values()} == {0}


def test_the_prompt_is_the_series_own(pair, texts):
    assert {row["mask"] for row in example_prompt(texts, pair[1]).values()} == {"FTF"}


def test_the_first_prompt_is_taken_whatever_it_shows(pair, texts):
    turned = texts.iloc[::-1]
    assert {row["prompt"] for row in example_prompt(turned, pair[0]).values()} == {"sentence-2"}


def test_no_prompt_of_another_model(pair, texts):
    assert example_prompt(texts.assign(model="another"), pair[0]) == {}
    assert example_prompt(None, pair[0]) == {}
    assert example_prompt(texts.iloc[:0], pair[0]) == {}


def test_a_point_without_interval_or_completion(pair):
    row = pair[0].pooled.iloc[2].copy()
    row["low"] = float("nan")
    lines = point_text(row, pair[0], "BLEU", None).split("<br>")
    assert lines[0] == "<b>hidden from layer 2 on</b>"
    assert lines[1] == "TTF: instructions and examples hidden"
    assert lines[2].endswith("n = 60 prompts")
    assert len(lines) == 3


def test_an_empty_completion_is_said(pair, texts):
    example = example_prompt(texts.assign(completion=""), pair[0])[0]
    assert "<b>completion</b>  (empty)" in point_text(pair[0].pooled.iloc[0], pair[0], "BLEU", example)


def test_recognition_in_numbers(pair):
    lines = recognition_text(pair[0], "BLEU").split("<br>")
    assert lines == [
        "<b>recognition layer 5 of 8</b>",
        "TTF: instructions and examples hidden",
        "95 % interval [4, 6]",
        "BLEU stays at or above 89.5",
        "floor 4.00, ceiling 94.0, fraction 0.95",
        "steepest step into layer 4",
        "plateau 93.9 on average from there on",
    ]


def test_no_recognition_table_no_text(curves):
    rows = curves[curves["task"] == "translate-en-fr"]
    assert recognition_text(series_of(rows, None)[0], "BLEU") == ""


def test_none_is_told_with_its_reason(curves, recognition):
    rows = curves[curves["task"] == "first-noun-fr"]
    found = series_of(rows, recognition[recognition["task"] == "first-noun-fr"].assign(reason="flat <b>"))
    text = recognition_text(found[1], "BLEU")
    assert text.startswith("<b>no recognition layer</b><br>FTF: examples hidden<br>flat &lt;b&gt;<br>floor 4.00")
    assert "stays at" not in text
