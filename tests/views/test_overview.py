"""One layer axis for every method: rows, scales, recognition layers, and what is refused."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest

from workbench.errors import UserError
from workbench.views import comparison_figure
from workbench.views.data import figure_table
from workbench.views.layer_profiles import PROFILE_COLUMNS, masking_profile
from workbench.views.overview import overview_figure


def other(quantity, values, task="translate-en-fr", model="mini", analysis="lens"):
    rows = [
        {"model": model, "task": task, "layer": layer, "quantity": quantity, "value": value, "low": None, "high": None}
        for layer, value in enumerate(values)
    ]
    return pd.DataFrame(rows).assign(analysis=analysis)


@pytest.fixture
def profiles(curves, recognition):
    masking = masking_profile(curves, recognition).assign(analysis="task-recognition")
    return pd.concat([masking, other("rank of the answer (1 = first)", [1700, 900, 300, 80, 20, 5, 2, 1])])


def role(figure, name):
    return [trace for trace in figure.data if trace.meta["role"] == name]


def test_the_masking_profile_is_the_share_of_the_way(curves, recognition):
    profile = masking_profile(curves, recognition)
    assert list(profile.columns) == list(PROFILE_COLUMNS)
    assert profile["layer"].max() == 7, "the point without a mask is not a layer"
    shares = figure_table(comparison_figure(curves, recognition))
    shares = shares[(shares["role"] == "mean") & (shares["x"] < 8)]
    assert sorted(profile["value"]) == pytest.approx(sorted(100 * shares["y"]))
    assert (profile["low"] <= profile["value"]).all()
    assert (profile["value"] <= profile["high"]).all()
    assert set(profile["quantity"]) == {
        "score, context hidden from here on (% of the way from floor to ceiling)",
        "score, examples hidden from here on (% of the way from floor to ceiling)",
    }


def test_a_score_of_which_less_is_better_keeps_low_below_high(curves, recognition):
    turned = curves.assign(value=-curves["value"], low=-curves["high"], high=-curves["low"])
    levels = {name: -recognition[name] for name in ("floor", "ceiling")}
    profile = masking_profile(turned, recognition.assign(**levels))
    assert (profile["low"] <= profile["high"]).all()


def test_a_flat_curve_has_no_profile(curves, recognition):
    flat = curves.assign(value=50.0, low=40.0, high=60.0)
    assert masking_profile(flat, recognition.assign(floor=50.0, ceiling=50.0)).empty


def test_every_quantity_has_a_row_on_the_same_layers(profiles, recognition):
    figure = overview_figure(profiles, recognition)
    means = role(figure, "mean")
    assert {trace.xaxis for trace in means} == {None}
    assert len({trace.yaxis for trace in means}) == 3
    domains = [figure.layout[f"yaxis{trace.yaxis[1:]}"].domain for trace in means]
    tops = sorted(set(domains), reverse=True)
    assert all(above[0] > below[1] for above, below in itertools.pairwise(tops))
    assert list(figure.layout.xaxis.tickvals) == list(range(8))


def test_the_masking_curves_come_first(curves, recognition):
    masking = masking_profile(curves, recognition).assign(analysis="task-recognition")
    figure = overview_figure(pd.concat([other("rank (1 = first)", [3, 2, 1]), masking]), recognition)
    first, *_, last = sorted(role(figure, "mean"), key=lambda trace: int(trace.yaxis[1:]))
    assert first.meta["panel"].startswith("score")
    assert last.meta["panel"].startswith("rank")


def test_ranks_over_decades_are_logarithmic_and_shares_are_not(profiles, recognition):
    figure = overview_figure(profiles, recognition)
    by_quantity = {trace.meta["panel"]: figure.layout[f"yaxis{trace.yaxis[1:]}"] for trace in role(figure, "mean")}
    assert by_quantity["rank of the answer (1 = first)"].type == "log"
    assert by_quantity["score, context hidden from here on (% of the way from floor to ceiling)"].type is None


def test_the_recognition_layers_stand_above_and_run_through(profiles, recognition):
    figure = overview_figure(profiles, recognition)
    pooled = recognition[recognition["seed"] == "all"]
    found = role(figure, "recognition layer")
    assert len(found) == len(pooled)
    layers = [trace.x[0] for trace in found if "open" not in trace.marker.symbol]
    assert layers == pooled["layer"].dropna().astype(int).tolist()
    lines = role(figure, "recognition line")
    first = pooled.drop_duplicates("task")["layer"].dropna().astype(int).tolist()
    assert [trace.x[0] for trace in lines] == first
    assert all(trace.yaxis == "y" for trace in lines)
    assert figure.layout.yaxis.domain == (0, 1)


def test_one_interval_is_shaded_and_several_are_not(recognition, profiles):
    several = overview_figure(profiles, recognition)
    assert len(role(several, "recognition line")) > 1
    assert role(several, "recognition interval") == []
    one = overview_figure(profiles[profiles["task"] == "translate-en-fr"], recognition)
    (shade,) = role(one, "recognition interval")
    row = recognition[(recognition["task"] == "translate-en-fr") & (recognition["seed"] == "all")].iloc[0]
    assert (min(shade.x), max(shade.x)) == (row["low"], row["high"])


def test_every_mark_is_named_at_the_beginning_of_its_row(profiles, recognition):
    figure = overview_figure(profiles, recognition)
    marks, names = role(figure, "recognition layer"), role(figure, "recognition label")
    assert len(marks) == len(names) > 2
    for mark, name in zip(marks, names, strict=True):
        assert name.x[0] == figure.layout.xaxis.range[0], "where it fits, however narrow the window"
        assert 0 < name.y[0] - mark.y[0] < 1, "above its own mark"
        assert figure_table(figure)["text"].str.contains(name.text[0].split()[0]).any()


def test_a_task_has_one_colour_in_all_rows(profiles, recognition):
    colours = {}
    for trace in role(overview_figure(profiles, recognition), "mean"):
        colours.setdefault(trace.name, set()).add(trace.line.color)
    assert len(colours) == 3
    assert all(len(found) == 1 for found in colours.values())
    assert len(set.union(*colours.values())) == 3


def test_two_models_are_told_apart():
    both = pd.concat([other("rank (1 = first)", [3.0, 2.0]), other("rank (1 = first)", [4.0, 2.0, 1.0], model="large")])
    figure = overview_figure(both)
    assert [trace.name for trace in role(figure, "mean")] == ["translate-en-fr, mini", "translate-en-fr, large"]
    assert len({trace.line.dash for trace in role(figure, "mean")}) == 2


def test_without_recognition_the_rows_remain(profiles):
    figure = overview_figure(profiles)
    assert role(figure, "recognition layer") == []
    assert len(role(figure, "mean")) == 7


def test_a_reading_after_the_last_layer_is_called_output(recognition):
    figure = overview_figure(other("rank of the answer (1 = first)", range(1, 10)), recognition)
    assert figure.layout.xaxis.ticktext[-1] == "8<br>output"


def test_hostile_names_are_escaped(recognition, hostile):
    attack = hostile["sentence"]
    drawn = overview_figure(other(attack, [1.0, 2.0], task=attack, model=attack, analysis=attack)).to_json()
    assert "<script>" not in drawn.replace("\\u003c", "<")


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(UserError, match="no layer profile to draw"):
        overview_figure(pd.DataFrame())
    with pytest.raises(UserError, match="missing: quantity"):
        overview_figure(other("q", [1.0]).drop(columns="quantity"))
    with pytest.raises(UserError, match=r"lens has two values of 'q' for translate-en-fr of mini at layer 0"):
        overview_figure(pd.concat([other("q", [1.0]), other("q", [2.0])]))
