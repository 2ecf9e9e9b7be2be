"""Titles in lines that fit, and figures that grow by them."""

from __future__ import annotations

import copy

import plotly.graph_objects as go
import pytest

from workbench.views.data import plain_text
from workbench.views.fitting import NARROW, SUBTITLE_LETTER, SUBTITLE_LINE, TITLE_LETTER, TITLE_LINE, fitted

TITLE = "translate-en-fr: the most probable next token at each depth"
PARTS = (
    "“the small cats do not see the red house .”",
    "logit lens",
    "TTF from layer 4 on",
    "bold: the reference's token",
)


@pytest.fixture
def figure():
    made = go.Figure([go.Heatmap(z=[[1, 2]]), go.Scatter(x=[0], y=[0])])
    return made.update_layout(
        title={"text": TITLE, "subtitle": {"text": " · ".join(PARTS)}}, height=300, margin={"t": 80, "l": 70}
    )


def test_where_there_is_room_nothing_changes(figure):
    before = copy.deepcopy(figure)
    assert fitted(figure, 1200).layout == before.layout


@pytest.mark.parametrize("width", [833, 640, 360])
def test_every_line_fits_and_no_word_is_lost(figure, width):
    title = fitted(figure, width).layout.title
    for text, letter, words in (
        (title.text, TITLE_LETTER, TITLE),
        (title.subtitle.text, SUBTITLE_LETTER, " · ".join(PARTS)),
    ):
        lines = text.split("<br>")
        assert all(len(line) * letter <= width - 70 for line in lines)
        assert " ".join(" ".join(lines).split()) == words


def test_lines_break_at_separators_where_that_is_enough(figure):
    lines = fitted(figure, 400).layout.title.subtitle.text.split("<br>")
    assert [line.removesuffix(" ·") for line in lines] == [PARTS[0], " · ".join(PARTS[1:3]), PARTS[3]]


def test_the_figure_grows_by_the_lines_that_were_added(figure):
    narrow = fitted(figure, 400)
    title = narrow.layout.title
    added = TITLE_LINE * title.text.count("<br>") + SUBTITLE_LINE * title.subtitle.text.count("<br>")
    assert added > 0
    assert (narrow.layout.height, narrow.layout.margin.t) == (300 + added, 80 + added)


def test_escaped_text_counts_as_it_is_read(figure):
    figure.layout.title.text = "&lt;" * 20
    assert "<br>" not in fitted(figure, 400).layout.title.text
    figure.layout.title.text = "<b>" + "a " * 60 + "</b>"
    assert plain_text(fitted(figure, 400).layout.title.text).count(";") > 1


def test_a_narrow_heat_map_has_no_key_to_its_colours(figure):
    assert fitted(figure, NARROW).data[0].showscale is True
    assert fitted(figure, NARROW - 1).data[0].showscale is False
