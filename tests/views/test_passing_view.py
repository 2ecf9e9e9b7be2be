"""pass@k by layer: planted programs give the lines and the table that they should."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.scoring.pass_at_k import pass_at_k_table
from workbench.views.passing import passing, passing_figure

HOSTILE = "<b>m</b>"
LAYERS = 2


def measured(seeds: int = 3, mask: str = "TTF", **changes) -> pd.DataFrame:
    """Four problems; from layer l on hidden, problem p passes under the seeds below p, none where all is hidden."""
    rows = [
        {
            **{"model": HOSTILE, "n_layers": LAYERS, "task": "humaneval", "format": "f", "examples": 1, "mask": mask},
            **{"from_layer": layer, "prompt": f"t/{problem}", "seed": seed},
            "pass_at_1": [float(layer > 0 and seed < problem), 1.0],
            **changes,
        }
        for layer in range(LAYERS + 1)
        for problem in range(4)
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def lines(figure, role="mean"):
    return [trace for trace in figure.data if trace.meta["role"] == role]


def test_a_line_for_each_k():
    ((picture,), (table,)) = passing(measured())
    assert (picture.name, picture.section) == ("humaneval.pass_at_k", "pass@k")
    found = {line.name: (list(line.x), list(line.y)) for line in lines(picture.figure)}
    assert list(found) == ["pass@1", "pass@2", "pass@3"]
    for name, value in (
        ("pass@1", (1 / 3 + 2 / 3 + 1) / 4),
        ("pass@2", (2 / 3 + 1 + 1) / 4),
        ("pass@3", 3 / 4),
    ):
        assert found[name] == ([0, 1, 2], pytest.approx([0, value, value])), name
    assert table.name == "pass@k"
    assert {"pass@1", "pass@2", "pass@3", "Hidden from layer"} <= set(table.frame)


def test_intervals_lie_around_their_lines():
    table = pass_at_k_table(measured())
    bands = lines(passing_figure(table, LAYERS), "band")
    assert len(bands) == 3
    for k, drawn in enumerate(bands, 1):
        rows = table[table["k"] == k]
        assert list(drawn.y) == [*rows["high"], *rows["low"][::-1]]
        assert drawn.y[1] > rows["value"].iloc[1] > drawn.y[-2]


def test_what_it_says():
    figure = passing(measured())[0][0].figure
    assert "&lt;b&gt;m" in figure.layout.title.subtitle.text
    assert "n = 4 problems · a greedy program for each of 3 seeds" in figure.layout.title.subtitle.text
    assert "2 = never" in figure.layout.xaxis.title.text
    assert figure.layout.yaxis.title.text == "pass@k (share of problems)"
    assert lines(figure)[1].hovertext[1].endswith("n = 4 problems")


def test_every_mask_has_its_picture_and_all_share_the_table():
    alone = measured(1, mask="FFF", examples=0)
    pictures, (table,) = passing(pd.concat([measured(), measured(mask="FTF"), alone], ignore_index=True))
    assert [picture.name for picture in pictures] == ["humaneval.pass_at_k.TTF", "humaneval.pass_at_k.FTF"]
    assert set(table.frame["Mask"]) == {"TTF", "FTF"}, "one seed has no second k"


def test_no_picture_without_a_second_k():
    assert passing(measured(1)) == ([], [])
    assert passing(measured().drop(columns="pass_at_1")) == ([], [])
    assert passing(measured(pass_at_1=None)) == ([], [])


def test_tasks_that_have_no_tests_are_left_out():
    other = measured(task="translate-en-fr", pass_at_1=None)
    (picture,), _ = passing(pd.concat([measured(), other], ignore_index=True))
    assert picture.name == "humaneval.pass_at_k"


def test_many_seeds_do_not_fill_the_picture():
    pictures, (table,) = passing(measured(12))
    assert [line.name for line in lines(pictures[0].figure)] == [f"pass@{k}" for k in (1, 2, 5, 10, 12)]
    assert len({line.line.color for line in lines(pictures[0].figure)}) == 5
    assert "pass@7" in table.frame
