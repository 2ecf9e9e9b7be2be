"""Tasks on one scale, and their recognition layers at a glance."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.errors import UserError
from workbench.views import theme
from workbench.views.comparison import compared, comparison_figure, main_scores
from workbench.views.forest import recognition_figure


def by_role(figure, role):
    return [trace for trace in figure.data if (trace.meta or {}).get("role") == role]


@pytest.fixture
def figure(curves, recognition):
    return comparison_figure(curves, recognition)


@pytest.fixture
def forest(curves, recognition):
    return recognition_figure(curves, recognition)


def flattened(curves):
    return curves.assign(value=1.2, low=0.4, high=2.2)


def test_every_curve_goes_from_floor_to_ceiling(figure):
    lines = by_role(figure, "mean")
    assert len(lines) == 6
    assert all(line.y[0] == pytest.approx(0) and line.y[-1] == pytest.approx(1) for line in lines)


def test_a_point_is_its_share_of_the_way(figure, curves):
    rows = curves[(curves["task"] == "translate-en-fr") & (curves["mask"] == "TTF") & (curves["seed"] == "all")]
    values = list(rows.sort_values("from_layer")["value"])
    line = next(line for line in by_role(figure, "mean") if line.name == "translate-en-fr")
    assert line.y[3] == pytest.approx((values[3] - values[0]) / (values[8] - values[0]))


def test_lower_is_better_scores_also_end_at_the_ceiling(curves):
    turned = curves.assign(value=100 - curves["value"], low=100 - curves["high"], high=100 - curves["low"])
    lines = by_role(comparison_figure(turned), "mean")
    assert all(line.y[-1] == pytest.approx(1) for line in lines)


def test_a_task_keeps_its_colour_in_every_panel(figure):
    colours = {}
    for line in by_role(figure, "mean"):
        colours.setdefault(line.legendgroup, set()).add(line.line.color)
    assert len(colours) == 3
    assert all(len(own) == 1 for own in colours.values())
    assert not set.union(*colours.values()) & set(theme.MASK_COLOURS.values())


def test_every_name_stands_in_the_legend_once(figure):
    shown = [line.name for line in by_role(figure, "mean") if line.showlegend]
    assert shown == ["translate-en-fr", "translate-past-en-de", "first-noun-fr"]


def test_one_panel_per_mask(figure):
    assert {line.yaxis for line in by_role(figure, "mean")} == {"y", "y2"}
    titles = [annotation.text for annotation in figure.layout.annotations if annotation.text != "95 %"]
    assert titles == ["<b>TTF: instructions and examples hidden</b>", "<b>FTF: examples hidden</b>"]
    upper, lower = figure.layout.yaxis.domain, figure.layout.yaxis2.domain
    assert upper[0] > lower[1]


def test_rings_stand_at_the_recognition_layers(figure):
    rings = by_role(figure, "recognition ring")
    assert sorted(ring.x[0] for ring in rings if ring.yaxis == "y") == [3.0, 5.0, 7.0]


def test_the_model_stands_on_both_pictures(figure, forest):
    assert "<b>mini</b>" in figure.layout.title.subtitle.text
    assert "<b>mini</b>" in forest.layout.title.subtitle.text


def test_a_flat_curve_is_left_out_and_said(curves, recognition):
    flat = curves["task"] == "first-noun-fr"
    mixed = pd.concat([curves[~flat], flattened(curves[flat])])
    figure = comparison_figure(mixed, recognition[recognition["task"] != "first-noun-fr"])
    assert {line.name for line in by_role(figure, "mean")} == {"translate-en-fr", "translate-past-en-de"}
    assert "not drawn, flat from floor to ceiling:<br>\u2003first-noun-fr (TTF)" in figure.layout.annotations[-1].text


def test_only_flat_curves_give_a_picture_that_says_so(curves):
    figure = comparison_figure(flattened(curves))
    assert len(figure.data) == 0
    assert figure.layout.annotations[0].text.count("<br>") == 6


def test_curves_without_intervals_rise_if_their_ends_differ(curves):
    bare = curves.assign(low=float("nan"), high=float("nan"))
    assert all(entry.rises for entry in compared(bare))
    assert not any(entry.rises for entry in compared(bare.assign(value=3.0)))


def test_a_curve_without_its_ends_cannot_be_brought_to_scale(curves):
    assert not any(entry.rises for entry in compared(curves[curves["from_layer"] > 0]))


def test_main_scores_are_the_first(tables):
    curves = tables["curves"](scores=("bleu", "log_probability"))
    assert main_scores(curves)[0] == ("translate-en-fr", "bleu")
    assert len(main_scores(curves)) == 3


def test_scores_can_be_chosen(tables):
    curves = tables["curves"](scores=("bleu", "log_probability"))
    figure = comparison_figure(curves, scores=[("translate-en-fr", "log_probability")])
    assert len(by_role(figure, "mean")) == 2
    assert "log-probability" in by_role(figure, "mean")[0].hovertext[0]


def test_models_differ_in_line_style(tables):
    curves = tables["curves"](models=(("a", 8), ("b", 16)), masks=("TTF",))
    figure = comparison_figure(curves, tables["recognition"](curves))
    lines = [line for line in by_role(figure, "mean") if line.name.startswith("translate-en-fr")]
    assert [line.name for line in lines] == ["translate-en-fr, a", "translate-en-fr, b"]
    assert lines[0].line.color == lines[1].line.color
    assert lines[0].line.dash != lines[1].line.dash


def test_relative_comparison(tables):
    curves = tables["curves"](models=(("a", 8), ("b", 16)))
    lines = by_role(comparison_figure(curves, relative=True), "mean")
    assert {max(line.x) for line in lines} == {1.0}


def test_more_tasks_than_colours_still_differ(curves):
    one = curves[curves["task"] == "translate-en-fr"]
    many = pd.concat([one.assign(task=f"task-{number}") for number in range(11)])
    lines = [line for line in by_role(comparison_figure(many), "mean") if line.showlegend]
    assert len({(line.line.color, line.marker.symbol) for line in lines}) == 11


def test_nothing_to_compare(curves, recognition):
    with pytest.raises(UserError, match="the table is empty"):
        comparison_figure(curves.iloc[:0])
    with pytest.raises(UserError, match="the table is empty"):
        recognition_figure(curves.iloc[:0], recognition.iloc[:0])
    with pytest.raises(UserError, match="no curve of task 'x' with score 'bleu'"):
        comparison_figure(curves, scores=[("x", "bleu")])


def test_forest_marks_every_layer(forest):
    marks = by_role(forest, "layer")
    assert [mark.x[0] for mark in marks] == [5, 4, 7, 6, 3, 8]
    assert [mark.marker.symbol for mark in marks][-2:] == ["circle", "square-open"]


def test_forest_bars_are_the_intervals(forest):
    bars = by_role(forest, "interval")
    assert [tuple(bar.x) for bar in bars][:3] == [(4.0, 6.0), (3.0, 5.0), (6.0, 8.0)]


def test_forest_rows_go_down_with_a_gap_between_tasks(forest):
    heights = [mark.y[0] for mark in by_role(forest, "layer")]
    assert heights == [0.0, -1.0, -2.5, -3.5, -5.0, -6.0]
    assert list(forest.layout.yaxis.tickvals) == [-0.5, -3.0, -5.5]
    assert list(forest.layout.yaxis.ticktext) == ["translate-en-fr", "translate-past-en-de", "first-noun-fr"]


def test_forest_writes_the_numbers_in_the_margin(forest):
    texts = [annotation.text for annotation in forest.layout.annotations]
    assert texts[0] == "<b>5</b> [4, 6]"
    assert texts[2] == "<b>7</b> [6, none]"
    assert texts[-1] == "none"


def test_forest_shows_single_seeds(forest, recognition):
    rows = recognition[(recognition["task"] == "translate-en-fr") & (recognition["mask"] == "TTF")]
    wanted = [int(layer) for layer in rows[rows["seed"] != "all"]["layer"]]
    assert [int(x) for x in by_role(forest, "seed")[0].x] == wanted


def test_forest_axis_says_how_it_counts(forest):
    assert forest.layout.xaxis.title.text == "task-recognition layer (from 0; 8 = none)"
