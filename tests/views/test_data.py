"""What a figure shows, as a table: read back from real figures and from small ones of every kind."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from pandas.testing import assert_frame_equal

from workbench.views import comparison_figure, figures, recognition_figure
from workbench.views.data import csv_text, figure_table, parquet_bytes, plain_text
from workbench.views.text import escape


def test_a_curve_with_its_band_gives_the_numbers_of_its_table(curves, recognition, completions):
    drawn = figures(curves, recognition, completions)["translate-en-fr.bleu"]
    table = figure_table(drawn)
    mean = table[(table["role"] == "mean") & table["series"].str.startswith("TTF")]
    wanted = curves[(curves["task"] == "translate-en-fr") & (curves["mask"] == "TTF") & (curves["seed"] == "all")]
    assert mean["x"].tolist() == wanted["from_layer"].tolist()
    for column, name in (("y", "value"), ("low", "low"), ("high", "high")):
        assert mean[column].tolist() == pytest.approx(wanted[name].tolist())
    assert not (table["role"] == "band").any()
    assert mean["panel"].unique().tolist() == ["BLEU (0 to 100; lower case, first sentence)"]


def test_single_seeds_and_the_recognition_layer_are_there(curves, recognition, completions):
    table = figure_table(figures(curves, recognition, completions)["translate-en-fr.bleu"])
    seeds = table[table["role"] == "seed"]
    assert set(seeds["seed"]) == {"0", "1", "2"}
    assert seeds["series"].str.contains("hidden").all()
    ring = table[table["role"] == "recognition ring"]
    assert set(ring["x"]) == set(recognition[recognition["seed"] == "all"]["layer"].dropna().iloc[:2].astype(float))
    assert not (table["role"] == "seed key").any()


def test_the_text_under_the_pointer_is_plain(curves, recognition, completions, hostile):
    chosen = completions[completions["source"] == hostile["sentence"]]
    table = figure_table(figures(curves, recognition, chosen)["translate-en-fr.bleu"])
    said = table[table["role"] == "mean"]["text"]
    assert said.str.contains(hostile["sentence"], regex=False).all()
    assert not said.str.contains("<br>|<b>|&lt;|&amp;").any()


def test_panels_and_tasks_are_named(curves, recognition):
    compared = figure_table(comparison_figure(curves, recognition))
    assert set(compared["panel"]) == {"TTF: instructions and examples hidden", "FTF: examples hidden"}
    layers = figure_table(recognition_figure(curves, recognition))
    assert set(layers["panel"]) == set(curves["task"])


def test_a_heat_map_is_told_cell_by_cell():
    heat = go.Heatmap(z=[[1.0, 2.0], [3.0, None]], x=["a", "b"], y=[0, 1], text=[["p", "q"], ["r", "s"]], name="heads")
    table = figure_table(go.Figure(heat))
    assert table[["x", "y", "value", "text"]].to_numpy().tolist()[:3] == [
        ["a", 0, 1.0, "p"],
        ["b", 0, 2.0, "q"],
        ["a", 1, 3.0, "r"],
    ]
    assert np.isnan(table["value"].iloc[3])
    bare = figure_table(go.Figure(go.Heatmap(z=np.eye(2))))
    assert bare[["x", "y", "value"]].to_numpy().tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 1, 1]]


def test_bars_keep_their_error_bars():
    up = go.Bar(x=["a", "b"], y=[1.0, 2.0], error_y={"array": [0.5, 0.25], "arrayminus": [0.1, 0.2]})
    across = go.Bar(x=[3.0], y=["c"], orientation="h", error_x={"array": [1.0]})
    table = figure_table(go.Figure([up, across]))
    assert table["low"].tolist() == pytest.approx([0.9, 1.8, 2.0])
    assert table["high"].tolist() == pytest.approx([1.5, 2.25, 4.0])
    assert table["x"].tolist() == ["a", "b", "3.0"]


def band(group=None):
    return go.Scatter(x=[0, 1, 1, 0], y=[2.0, 3.0, 1.0, 0.0], fill="toself", legendgroup=group, name="the band")


def test_a_band_without_a_line_of_its_own_has_rows_of_its_own():
    lines = [go.Scatter(x=[0, 1], y=[1.0, 2.0], name=name) for name in ("one", "two")]
    table = figure_table(go.Figure([band(), *lines]))
    own = table[table["series"] == "the band"]
    assert own[["x", "low", "high"]].to_numpy().tolist() == [[0, 0, 2], [1, 1, 3]]
    assert table[table["series"] != "the band"]["low"].isna().all()
    grouped = [go.Scatter(x=[0, 1], y=[1.0, 2.0], name="one", legendgroup="g"), lines[1]]
    folded = figure_table(go.Figure([band("g"), *grouped]))
    assert folded[folded["series"] == "one"]["high"].tolist() == [2, 3]
    assert len(folded) == 4


def test_positions_that_plotly_counts_are_written_down():
    table = figure_table(go.Figure(go.Scatter(y=[5.0, 6.0])))
    assert table[["x", "y"]].to_numpy().tolist() == [[0, 5], [1, 6]]


def test_both_formats_hold_the_same(curves, recognition, completions):
    for drawn in figures(curves, recognition, completions).values():
        table = figure_table(drawn)
        from_csv = pd.read_csv(io.StringIO(csv_text(table)), dtype={"seed": "string"})
        from_parquet = pd.read_parquet(io.BytesIO(parquet_bytes(table)))
        assert_frame_equal(from_csv, from_parquet, check_dtype=False)
        assert csv_text(table) == csv_text(table.copy())
        assert parquet_bytes(table) == parquet_bytes(table.copy())


def test_an_empty_figure_is_an_empty_table():
    assert figure_table(go.Figure()).empty
    assert parquet_bytes(figure_table(go.Figure()))[:4] == b"PAR1"


@pytest.mark.parametrize("text", ["a < b & c > d", "<b>bold</b>", "&lt; &amp;amp;", "x &amp; y"])
def test_plain_text_undoes_escape(text):
    assert plain_text(f"<b>{escape(text)}</b><br>more") == f"{text}; more"
