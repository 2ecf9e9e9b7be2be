"""What each figure of the notebooks shows can be saved: every analysis, every kind of picture, the explorers' too."""

from __future__ import annotations

import io
import json

import pandas as pd
import plotly.graph_objects as go
import pytest
from pandas.testing import assert_frame_equal

from workbench import notebooks
from workbench.views.data import csv_text, figure_table, parquet_bytes

PLOTLY = "application/vnd.plotly.v1+json"


def shown(name):
    """The figures in a committed notebook."""
    cells = json.loads((notebooks.notebook_folder() / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [go.Figure(output["data"][PLOTLY]) for output in outputs if PLOTLY in output.get("data", {})]


@pytest.mark.parametrize("name", notebooks.names())
def test_what_a_figure_shows_is_saved_in_both_formats(name):
    figures = shown(name)
    assert figures
    for figure in figures:
        table = figure_table(figure)
        title = figure.layout.title.text
        numbers = [column for column in ("x", "y", "value") if column in table]
        assert len(table) >= 5, title
        assert len(numbers) >= 2, title
        assert table["role"].notna().all(), title
        read = pd.read_csv(io.StringIO(csv_text(table)))
        stored = pd.read_parquet(io.BytesIO(parquet_bytes(table)))
        assert_frame_equal(read, stored, check_dtype=False, obj=title)
