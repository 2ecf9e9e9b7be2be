"""What a figure overlays, and how series are told apart."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.errors import UserError
from workbench.views import theme
from workbench.views.series import main_rows, selected, series_of


def one_task(table, task="translate-en-fr"):
    return table[(table["task"] == task) & (table["score"] == "bleu")]


def test_one_series_per_mask_in_the_order_of_the_table(curves, recognition):
    found = series_of(one_task(curves), one_task(recognition))
    assert [series.mask for series in found] == ["TTF", "FTF"]
    assert [series.colour for series in found] == [theme.mask_colour("TTF"), theme.mask_colour("FTF")]
    assert [series.name for series in found] == ["TTF: instructions and examples hidden", "FTF: examples hidden"]
    assert {series.dash for series in found} == {"solid"}


def test_pooled_rows_and_seeds_are_apart(curves):
    series = series_of(one_task(curves), None)[0]
    assert set(series.pooled["seed"]) == {"all"}
    assert list(series.seeds) == ["0", "1", "2"]
    assert list(series.pooled["from_layer"]) == list(range(9))


def test_rows_are_sorted_by_layer(curves):
    shuffled = one_task(curves).sample(frac=1, random_state=0)
    series = series_of(shuffled, None)[0]
    assert list(series.pooled["from_layer"]) == list(range(9))
    assert all(list(rows["from_layer"]) == list(range(9)) for rows in series.seeds.values())


def test_a_single_seed_is_the_curve_itself(tables):
    series = series_of(one_task(tables["curves"](seeds=("0",))), None)[0]
    assert set(series.pooled["seed"]) == {"0"}
    assert series.seeds == {}


def test_one_seed_beside_all_is_not_drawn_twice(curves):
    rows = one_task(curves)
    series = series_of(rows[rows["seed"].isin(["0", "all"])], None)[0]
    assert set(series.pooled["seed"]) == {"all"}
    assert series.seeds == {}


def test_levels_come_from_the_recognition_table(curves, recognition):
    rows = one_task(recognition).assign(ceiling=90.0, floor=1.0)
    series = series_of(one_task(curves), rows)[0]
    assert (series.ceiling, series.floor) == (90.0, 1.0)


def test_levels_come_from_the_curve_without_a_recognition_table(curves):
    series = series_of(one_task(curves), None)[0]
    values = series.pooled.set_index("from_layer")["value"]
    assert (series.ceiling, series.floor) == (values[8], values[0])


def test_several_models_under_one_mask_differ_in_colour(tables):
    rows = one_task(tables["curves"](models=(("a", 8), ("b", 12)), masks=("TTF",)))
    first, second = series_of(rows, None)
    assert first.colour != second.colour
    assert first.symbol != second.symbol
    assert (first.name, second.name) == ("a", "b")


def test_several_models_and_masks_differ_in_colour_and_dash(tables):
    found = series_of(one_task(tables["curves"](models=(("a", 8), ("b", 12)))), None)
    assert len({(series.colour, series.dash) for series in found}) == 4
    assert {series.colour for series in found if series.mask == "TTF"} == {theme.mask_colour("TTF")}
    assert found[0].name == "a, TTF: instructions and examples hidden"
    assert found[0].short == "a TTF"


def test_numbers_of_examples_are_told_apart(curves):
    more = pd.concat([one_task(curves), one_task(curves).assign(examples=1)])
    names = [series.name for series in series_of(more[more["mask"] == "TTF"], None)]
    assert names == ["5 examples", "1 example"]


def test_names_are_escaped(tables, hostile):
    rows = one_task(tables["curves"](models=((hostile["model"], 8), ("b", 8))))
    assert series_of(rows, None)[0].name.startswith("mini &lt;b&gt;&amp;, TTF")


def test_groups_are_distinct(tables):
    found = series_of(one_task(tables["curves"](models=(("a", 8), ("b", 12)))), None)
    assert len({series.group for series in found}) == 4


def test_selected_names_what_there_is(curves):
    with pytest.raises(UserError, match="no curve with task 'nothing': the table has translate-en-fr"):
        selected(curves, "curve", task="nothing")
    assert set(selected(curves, "curve", task="first-noun-fr", mask="TTF")["mask"]) == {"TTF"}


def test_each_task_s_own_score_is_its_first(tables):
    curves = tables["curves"](scores=("bleu", "log_probability"))
    assert set(main_rows(curves)["score"]) == {"bleu"}
    turned = curves.sort_values("score", ascending=False, kind="stable")
    assert set(main_rows(turned)["score"]) == {"log_probability"}
    assert len(main_rows(curves)) == len(curves) / 2
