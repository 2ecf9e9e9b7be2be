"""The sheet for a reader: pictures and tables."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from workbench.reproduction.comparison import SHEET_COLUMNS
from workbench.views.reproduction import number_tables, sheet_pictures, source_tables, summary_table

NOTHING = dict.fromkeys(SHEET_COLUMNS)


def row(layer: int | None, published: float | None, yours: float | None, verdict: str, **more: Any) -> dict[str, Any]:
    """One number of the sheet; published ones may lie within 0.4, one's own interval is 2 to each side."""
    said = {"experiment": "context-masking", "direction": "en-fr", "series": "query hidden", "quantity": "bleu"}
    found = {**NOTHING, **said, "layer": layer, "published": published, "yours": yours, "verdict": verdict, "why": ""}
    if published is not None:
        found |= {
            "published_low": published - 0.4,
            "published_high": published + 0.4,
            "source": "figure 2",
            "read": "plot",
        }
        found |= {"note": "about"}
    if yours is not None:
        found |= {"low": yours - 2, "high": yours + 2, "n": 8.0}
    if published is not None and yours is not None:
        found["difference"] = yours - published
    return {**found, **more}


@pytest.fixture
def sheet() -> pd.DataFrame:
    rows = [
        row(0, 5.0, 6.0, "covered"),
        row(1, 9.0, 14.0, "not covered"),
        row(2, 20.0, None, "not measured"),
        row(None, 2.0, 3.0, "covered", quantity="recognition layer"),
        row(0, None, 1.0, "nothing published", series="everything hidden"),
    ]
    table = pd.DataFrame(rows, columns=list(SHEET_COLUMNS))
    numbers = ["published", "published_low", "published_high", "yours", "low", "high", "n", "difference"]
    return table.astype({"layer": "Int64", **dict.fromkeys(numbers, float)})


def test_the_published_curve_lies_beside_ones_own(sheet: pd.DataFrame) -> None:
    (picture,) = sheet_pictures(sheet, "mini")
    assert picture.name == "context-masking.en-fr"
    lines = {trace.name: trace for trace in picture.figure.data if trace.meta["role"] == "mean"}
    # A series of which nothing was published is left to the sheet's files where another one has published numbers.
    assert list(lines) == ["query hidden", "query hidden, published"]
    assert (list(lines["query hidden"].x), list(lines["query hidden"].y)) == ([0, 1], [6.0, 14.0])
    assert list(lines["query hidden, published"].x) == [0, 1, 2]
    words = lines["query hidden, published"].hovertext[2]
    assert "may lie in [19.6, 20.4]" in words
    assert "prompts" not in words
    assert "95 % interval [4.00, 8.00]  n = 8 prompts" in lines["query hidden"].hovertext[0]


def test_series_of_a_model_that_was_not_measured_are_all_drawn(sheet: pd.DataFrame) -> None:
    (picture,) = sheet_pictures(sheet[sheet["published"].isna()], "mini")
    assert "Nothing was published" in picture.caption
    assert {trace.name for trace in picture.figure.data if trace.meta["role"] == "mean"} == {"everything hidden"}


def test_the_summary_counts_what_is_covered(sheet: pd.DataFrame) -> None:
    table = summary_table(sheet)
    assert table is not None
    first = table.frame.iloc[0]
    assert (first["Published"], first["Compared"], first["Covered"]) == (3, 2, "1 of 2")
    assert (first["Mean difference"], first["Largest"]) == ("3.00", "5.00")
    assert table.frame["Quantity"].tolist() == ["BLEU", "recognition layer"]
    assert "Why not" not in table.frame
    assert summary_table(sheet[sheet["published"].isna()]) is None


def test_a_refusal_stands_in_the_summary(sheet: pd.DataFrame) -> None:
    refused = sheet.assign(why="20 test prompts where the paper has 1012", difference=float("nan"))
    table = summary_table(refused)
    assert table is not None
    assert set(table.frame["Why not"]) == {"20 test prompts where the paper has 1012"}
    assert "Covered" not in table.frame


def test_every_number_with_its_ranges_and_its_source(sheet: pd.DataFrame) -> None:
    (table,) = number_tables(sheet)
    assert table.name == "context-masking, en-fr: number by number"
    assert len(table.frame) == 4  # one's own curve without published numbers is left to the figure and the files
    first, *_, layer = table.frame.to_dict("records")
    assert (first["Published"], first["Yours"], first["Difference"]) == (
        "5.00 [4.60, 5.40]",
        "6.00 [4.00, 8.00]",
        "1.00",
    )
    assert (first["Verdict"], first["Source"], first["Note"]) == ("covered", "1", "about")
    assert (layer["Layer"], layer["Yours"], layer["Difference"]) == ("", "3 [1, 5]", "1")
    (sources,) = source_tables(sheet)
    assert sources.frame.to_dict("records") == [
        {"Source": "1", "Figure or table": "figure 2", "How it was read": "plot"}
    ]
    assert source_tables(sheet[sheet["published"].isna()]) == []
