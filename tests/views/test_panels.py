"""Heat maps side by side: one scale, escaped words, numbers or dots, and the table behind them."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.views import theme
from workbench.views.data import figure_table
from workbench.views.panels import Panel, Scale, panel_figure
from workbench.views.segments import segment_label

ATTACK = "<script>alert(1)</script>"


def panel(name: str, wide: int, high: int) -> Panel:
    rows = [
        {"x": x, "y": y, "value": (x - y) / 10, "hover": f"{x}, {y}", "marked": x == y == 1}
        for x in range(wide)
        for y in range(high)
    ]
    return Panel(name, pd.DataFrame(rows))


def drawn(panels, **more):
    scale = Scale.around_zero("effect", panels)
    settings = {"title": ATTACK, "subtitle": "s", "layers": 3, "x_title": "head"} | more
    return panel_figure(panels, scale, **settings)


def test_panels_share_one_scale_of_colours():
    figure = drawn([panel("a", 12, 3), panel("b", 12, 3), panel("c", 12, 3)], columns=2)
    maps = [trace for trace in figure.data if trace.type == "heatmap"]
    assert [trace.coloraxis for trace in maps] == ["coloraxis"] * 3
    assert figure.layout.coloraxis.cmin == pytest.approx(-1.1)
    assert figure.layout.coloraxis.cmax == pytest.approx(1.1)
    assert maps[1].z[2][5] == pytest.approx(0.3)
    assert {trace.xaxis for trace in maps} == {"x", "x2", "x3"}


def test_words_are_escaped():
    text = str(drawn([panel(ATTACK, 2, 3)], x_labels=[ATTACK, "b"], x_title=ATTACK).layout)
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_numbers_stand_in_few_cells_and_dots_in_many():
    few, many = drawn([panel("a", 3, 3)]), drawn([panel("a", 14, 3)])
    (cells,) = few.data
    assert cells.text[1][1] == "<b>0.00</b>"
    assert cells.text[0][2] == "0.20"
    cells, dots = many.data
    assert cells.text is None
    assert (list(dots.x), list(dots.y)) == ([1], [1])


def test_the_table_behind_the_figure_has_every_cell_and_its_panel():
    table = figure_table(drawn([panel("a", 12, 3), panel("b", 12, 3)]))
    cells = table[table["role"] == "cells"]
    assert cells.groupby("panel").size().to_dict() == {"a": 36, "b": 36}
    assert set(theme.darkened(drawn([panel("a", 2, 2)])).data[0].z[0]) == {0.0, 0.1}


def test_segments_in_words():
    assert segment_label("examples.2.target") == "target of example 3"
    assert segment_label("query.source") == "source of the query"
    assert segment_label("examples.0") == "examples.0"
