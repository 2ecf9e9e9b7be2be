"""Many curves in one picture: each has its line, its row below and its numbers, and nothing covers another."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from workbench.views.many_curves import Level, as_share, many_curves_figure
from workbench.views.series import series_of

TASK = "translate-en-fr"


@pytest.fixture
def all_series(curves, recognition):
    return series_of(curves[curves["task"] == TASK], recognition[recognition["task"] == TASK])


def draw(all_series, **settings):
    words = {"title": "A <title>", "subtitle": "how", "score": "bleu", "value_title": "BLEU"}
    return many_curves_figure(all_series, **{**words, **settings})


def by_role(figure, role):
    return [trace for trace in figure.data if (trace.meta or {}).get("role") == role]


def test_every_series_has_a_line_a_mark_and_its_numbers(all_series):
    figure = draw(all_series)
    for role in ("mean", "band", "layer", "interval", "layer label", "recognition ring"):
        assert len(by_role(figure, role)) == 2, role
    assert [mark.x[0] for mark in by_role(figure, "layer")] == [5.0, 4.0]
    assert [tuple(bar.x) for bar in by_role(figure, "interval")] == [(4.0, 6.0), (3.0, 5.0)]
    assert [label.text[0].strip() for label in by_role(figure, "layer label")] == ["<b>5</b> [4, 6]", "<b>4</b> [3, 5]"]
    assert len({mark.y[0] for mark in by_role(figure, "layer")}) == 2


def test_curves_and_rows_share_the_layers_and_lie_apart(all_series):
    figure = draw(all_series)
    assert {trace.xaxis for trace in figure.data} == {None}
    assert {trace.yaxis for trace in by_role(figure, "mean")} == {"y2"}
    assert figure.layout.yaxis.domain[1] < figure.layout.yaxis2.domain[0]
    low, high = figure.layout.yaxis.range
    assert all(low < mark.y[0] < high for mark in by_role(figure, "layer"))


def test_none_is_hollow_at_the_right_end(curves, recognition):
    rows = curves[(curves["task"] == "first-noun-fr") & (curves["mask"] == "FTF")]
    figure = draw(series_of(rows, recognition[recognition["task"] == "first-noun-fr"]))
    (mark,) = by_role(figure, "layer")
    assert mark.x[0] == 8.0
    assert mark.marker.symbol.endswith("-open")
    assert by_role(figure, "layer label")[0].text[0].strip() == "<b>none</b> [none, none]"
    assert by_role(figure, "recognition ring") == []


def test_the_legend_is_the_names(all_series):
    named = [replace(series, name=name) for series, name in zip(all_series, ("one", "two"), strict=True)]
    assert [trace.name for trace in draw(named).data if trace.showlegend is not False] == ["one", "two"]


def test_levels_are_lines_whose_names_keep_apart(all_series):
    levels = [Level("ceiling", 94.0), Level("without <b>", 93.9), Level("nothing", 10.0)]
    figure = draw(all_series, levels=levels)
    assert [trace.y[0] for trace in by_role(figure, "level")] == [94.0, 93.9, 10.0]
    labels = by_role(figure, "level label")
    assert [label.text[0] for label in labels] == [" ceiling 94.0", " without &lt;b&gt; 93.9", " nothing 10.0"]
    height = figure.layout.yaxis2.range[1] - figure.layout.yaxis2.range[0]
    assert abs(labels[0].y[0] - labels[1].y[0]) > 0.04 * height
    assert all(label.y[0] <= figure.layout.yaxis2.range[1] for label in labels)
    assert figure.layout.margin.r > 7 * len("without <b> 93.9")


def test_published_curves_lie_behind(all_series, published):
    figure = draw(all_series, published=published)
    assert figure.data[0].meta["role"] == "published"


def test_shares_run_from_floor_to_ceiling(all_series):
    share = as_share(all_series[0])
    values = share.pooled.set_index("from_layer")["value"]
    assert (values[0], values[8]) == (pytest.approx(0), pytest.approx(1))
    figure = draw([share], levels=[Level("95 %", 0.95)], percent=True)
    assert figure.layout.yaxis2.tickformat == ".0%"
    assert by_role(figure, "level label")[0].text[0] == " 95 %"


def test_a_share_turns_round_where_less_is_better(all_series):
    series = all_series[0]
    turned = series.pooled.assign(value=-series.pooled["value"], low=-series.pooled["high"], high=-series.pooled["low"])
    there, back = (
        as_share(replace(series, recognition=None)),
        as_share(replace(series, pooled=turned, recognition=None)),
    )
    pd.testing.assert_frame_equal(there.pooled, back.pooled)


def test_the_title_is_escaped(all_series):
    assert draw(all_series).layout.title.text == "A &lt;title&gt;"
