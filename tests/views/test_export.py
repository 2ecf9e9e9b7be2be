"""Figures into files: which, in which formats, in which colours."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import pytest

from workbench.errors import UserError
from workbench.views import export as exporting
from workbench.views.export import export
from workbench.views.report import Picture
from workbench.views.theme import DARK

PICTURES = [Picture("one: first", go.Figure(go.Scatter(y=[1.0, 2.0]))), Picture("two", go.Figure(go.Bar(y=[3.0])))]


def test_every_figure_in_every_table_format(tmp_path):
    paths = export(PICTURES, tmp_path / "out", ["csv", "parquet"])
    assert [path.name for path in paths] == ["one-first.csv", "one-first.parquet", "two.csv", "two.parquet"]
    assert pd.read_csv(paths[0])["y"].tolist() == [1, 2]
    assert pd.read_parquet(paths[3])["y"].tolist() == [3]


def test_only_the_named_figures(tmp_path):
    export(PICTURES, tmp_path, ["csv"], names=["two"])
    assert [path.name for path in tmp_path.iterdir()] == ["two.csv"]
    with pytest.raises(UserError, match=r"There is no figure 'three'; there are one-first, two"):
        export(PICTURES, tmp_path, ["csv"], names=["three"])


def test_pictures_are_drawn_in_the_wanted_colours(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        exporting, "write_images", lambda figures, **options: drawn.update(figures) or drawn.update(options)
    )
    export(PICTURES, tmp_path, ["svg", "csv"], names=["two"], dark=True, width=500)
    assert drawn[tmp_path / "two.svg"].layout.template.layout.paper_bgcolor == DARK.layout.paper_bgcolor
    assert drawn["width"] == 500
    assert (tmp_path / "two.csv").is_file()


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match="Unknown format 'gif'; there are png, svg, pdf, csv, parquet"):
        export(PICTURES, tmp_path, ["gif"])
    (tmp_path / "taken").write_text("")
    with pytest.raises(UserError, match="Cannot write to"):
        export(PICTURES, tmp_path / "taken", ["csv"])
