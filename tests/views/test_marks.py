"""Marks around a curve: where they lie, and that none covers another."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.views import marks, theme
from workbench.views.marks import Frame, spread
from workbench.views.series import series_of

FRAME = Frame(left=-0.24, right=8.24, bottom=-5.0, top=105.0, height=340, relative=False)


@pytest.fixture
def pair(curves, recognition):
    rows = curves[curves["task"] == "translate-en-fr"]
    return series_of(rows, recognition[recognition["task"] == "translate-en-fr"])


def roles(traces):
    return [trace.meta["role"] for trace in traces]


@given(st.lists(st.floats(-100, 100), max_size=8), st.floats(0.1, 20))
def test_spread_keeps_distance_and_order(values, gap):
    placed = spread(values, gap)
    order = sorted(range(len(values)), key=lambda index: values[index])
    neighbours = itertools.pairwise(placed[index] for index in order)
    assert all(second - first >= gap * (1 - 1e-6) for first, second in neighbours)


@given(st.lists(st.integers(-50, 50), unique=True, max_size=8))
def test_spread_leaves_alone_what_is_apart(values):
    assert spread([float(value) for value in values], 1.0) == pytest.approx(values)


def test_spread_moves_equal_values_evenly():
    assert spread([4.0, 4.0], 2.0) == [3.0, 5.0]


def test_recognition_line_stands_at_the_layer(pair):
    drawn = marks.recognition_marks(pair, FRAME, "BLEU")
    lines = [trace for trace in drawn if trace.meta["role"] == "recognition layer"]
    assert [tuple(line.x) for line in lines] == [(5.0, 5.0), (4.0, 4.0)]
    assert all(tuple(line.y) == (0, 1) and line.yaxis == marks.HIDDEN_AXIS for line in lines)
    assert [line.line.color for line in lines] == [theme.mask_colour("TTF"), theme.mask_colour("FTF")]


def test_interval_is_shaded_from_low_to_high(pair):
    drawn = marks.recognition_marks(pair, FRAME, "BLEU")
    shades = [trace for trace in drawn if trace.meta["role"] == "recognition interval"]
    assert [(min(shade.x), max(shade.x)) for shade in shades] == [(4.0, 6.0), (3.0, 5.0)]


def test_ring_lies_on_the_curve(pair):
    ring = next(t for t in marks.recognition_marks(pair, FRAME, "BLEU") if t.meta["role"] == "recognition ring")
    at = pair[0].pooled.set_index("from_layer")["value"][5]
    assert (ring.x[0], ring.y[0]) == (5.0, at)
    assert "recognition layer 5 of 8" in ring.hovertext[0]


def test_label_says_layer_and_interval(pair):
    labels = [t.text[0] for t in marks.recognition_marks(pair, FRAME, "BLEU") if t.meta["role"] == "recognition label"]
    assert labels[0] == "<b>TTF layer 5</b> [4, 6]"
    assert labels[1].startswith("<b>FTF layer 4</b> [3, 5]")


def test_near_labels_lie_in_different_rows(pair):
    assert marks.label_rows(pair, FRAME) == [0, 1]


def test_far_labels_share_a_row(tables):
    rows = tables["curves"](models=(("a", 8), ("b", 32)), tasks=("translate-past-en-de",), masks=("TTF",))
    rows = rows[rows["task"] == "translate-past-en-de"]
    found = series_of(rows, tables["recognition"](rows))
    wide = Frame(-1.0, 33.0, 0.0, 100.0, 340, False)
    assert marks.label_rows(found, wide) == [0, 0]


def test_none_is_not_marked(curves, recognition):
    rows = curves[(curves["task"] == "first-noun-fr") & (curves["mask"] == "FTF")]
    found = series_of(rows, recognition[recognition["task"] == "first-noun-fr"])
    assert marks.recognised(found[0]) is None
    assert marks.recognition_marks(found, FRAME, "BLEU") == []


def test_a_point_interval_has_no_shade(pair, curves, recognition):
    exact = recognition.assign(low=recognition["layer"], high=recognition["layer"])
    found = series_of(curves[curves["task"] == "translate-en-fr"], exact[exact["task"] == "translate-en-fr"])
    assert "recognition interval" not in roles(marks.recognition_marks(found, FRAME, "BLEU"))
    assert "recognition interval" in roles(marks.recognition_marks(pair, FRAME, "BLEU"))


def test_relative_depth_scales_the_marks(pair):
    frame = Frame(-0.03, 1.03, -5.0, 105.0, 340, True)
    line = next(t for t in marks.recognition_marks(pair, frame, "BLEU") if t.meta["role"] == "recognition layer")
    assert tuple(line.x) == (5 / 8, 5 / 8)


def test_levels_stand_at_ceiling_and_floor(pair):
    drawn = marks.level_lines(pair, FRAME)
    ceilings = [trace.y[0] for trace in drawn if trace.meta["role"] == "ceiling"]
    floors = [trace.y[0] for trace in drawn if trace.meta["role"] == "floor"]
    assert ceilings == [pytest.approx(94.0)]
    assert floors == pytest.approx([series.floor for series in pair])


def test_level_labels_keep_apart_and_inside(pair):
    labels = [trace for trace in marks.level_lines(pair, FRAME) if trace.meta["role"] == "level label"]
    heights = sorted(float(label.y[0]) for label in labels)
    gap = 16.9 / FRAME.height * (FRAME.top - FRAME.bottom)
    assert all(second - first >= gap for first, second in itertools.pairwise(heights))
    assert heights[0] >= FRAME.bottom
    assert heights[-1] <= FRAME.top


def test_levels_that_read_the_same_are_drawn_once(curves, recognition):
    same = recognition.assign(floor=4.0, ceiling=94.0)
    found = series_of(curves[curves["task"] == "translate-en-fr"], same[same["task"] == "translate-en-fr"])
    assert [trace.meta["role"] for trace in marks.level_lines(found, FRAME)] == [
        *["floor", "level label"],
        *["ceiling", "level label"],
    ]


def test_the_ceiling_is_named_above_an_equal_floor(curves, recognition):
    same = recognition.assign(floor=4.0, ceiling=4.0)
    found = series_of(curves[curves["task"] == "translate-en-fr"], same[same["task"] == "translate-en-fr"])
    labels = {t.text[0].split()[0]: t.y[0] for t in marks.level_lines(found, FRAME) if t.meta["role"] == "level label"}
    assert labels["ceiling"] > labels["floor"]


def test_a_series_hides_with_all_its_marks(pair):
    drawn = marks.recognition_marks(pair, FRAME, "BLEU")
    assert {trace.legendgroup for trace in drawn} == {series.group for series in pair}


def test_published_curves_are_grey_and_dotted(published):
    line = marks.published_lines(published, FRAME)[0]
    assert list(line.x) == list(range(9))
    assert list(line.y) == list(published["score"])
    assert (line.line.color, line.line.dash) == (theme.FAINT, "dot")
    assert line.name == "published: Llama-3.1-8B, both hidden"


def test_a_published_ceiling_ends_every_curve_of_its_model(published):
    curves = pd.concat([published.assign(mask="TTF"), published.assign(mask="FTF", series="examples hidden")])
    ceiling = published.iloc[[0]].assign(mask="none", series="ceiling", from_layer=32, score=41.0)
    lines = marks.published_lines(pd.concat([ceiling, curves]), FRAME)
    assert len(lines) == 2
    assert all((line.x[-1], line.y[-1]) == (32.0, 41.0) for line in lines)


def test_published_curves_need_their_columns(published):
    with pytest.raises(UserError, match="missing: series"):
        marks.published_lines(published.drop(columns="series"), FRAME)


def test_no_published_curves():
    assert marks.published_lines(None, FRAME) == []
