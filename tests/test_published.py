from __future__ import annotations

import pytest

from workbench.errors import UserError
from workbench.published import published_curves, published_series
from workbench.statistics.recognition import recognise

QA, INSTRUCTED = "instr_none_QA", "instr_machine_translation"


def layer(model: str, mask: str, format: str) -> int | None:
    points = published_series(model, mask, format)
    return recognise(points["from_layer"].to_numpy(), points["score"].to_numpy()).layer


@pytest.mark.parametrize(
    ("model", "mask", "format", "expected"),
    [
        ("Llama-3.1-8B", "TTF", INSTRUCTED, 15),
        ("Llama-3.1-8B", "FTF", QA, 16),
        ("Llama-3.1-8B-Instruct", "TTF", INSTRUCTED, 15),
        ("Llama-3.1-8B-Instruct", "FTF", QA, 15),
        ("Llama-3.1-8B-Instruct", "FTF", INSTRUCTED, 5),
    ],
)
def test_the_rule_gives_the_paper_s_layers(model: str, mask: str, format: str, expected: int) -> None:
    """By eye and counted from 1, 16 and, with instructions kept, 6; without them 35.4 at 16 is too low."""
    assert layer(model, mask, format) == expected


def test_ceiling_and_floor_of_the_main_curve() -> None:
    points = published_series("Llama-3.1-8B", "TTF", INSTRUCTED)
    found = recognise(points["from_layer"].to_numpy(), points["score"].to_numpy())
    assert (found.ceiling, found.floor) == (40.948, 1.7)
    assert found.steepest == 15
    assert found.threshold == pytest.approx(1.7 + 0.95 * (40.948 - 1.7))


def test_types_and_columns() -> None:
    table = published_curves()
    columns = ["paper", "model", "direction", "mask", "format", "series", "from_layer", "score", "note"]
    assert list(table.columns) == [*columns, "source", "read"]
    assert (table[["source", "read"]] != "").all().all()
    assert table["from_layer"].dtype == "int64"
    assert table["score"].dtype == "float64"
    assert not table.isna().any().any()
    assert set(table["direction"]) == {"en-fr"}


def test_every_layer_once_counted_from_0() -> None:
    table = published_curves()
    assert not table.duplicated(["model", "mask", "format", "from_layer"]).any()
    masked = table[table["mask"] != "none"]
    assert masked["from_layer"].between(0, 31).all()
    assert (table.loc[table["mask"] == "none", "from_layer"] == 32).all()
    assert table["score"].between(0, 43).all()


def test_five_curves_and_a_ceiling_per_model() -> None:
    curves = published_curves().groupby(["model", "mask", "format"]).size()
    assert curves.groupby("model").size().to_dict() == {"Llama-3.1-8B": 6, "Llama-3.1-8B-Instruct": 6}


@pytest.mark.parametrize(
    ("model", "mask", "format", "paper_layer", "score"),
    [
        ("Llama-3.1-8B", "TTF", INSTRUCTED, 11, 5.8),
        ("Llama-3.1-8B", "TTF", INSTRUCTED, 16, 39.5),
        ("Llama-3.1-8B", "FTF", QA, 16, 35.4),
        ("Llama-3.1-8B", "FTF", INSTRUCTED, 10, 7.2),
        ("Llama-3.1-8B", "FFT", INSTRUCTED, 19, 32.4),
        ("Llama-3.1-8B", "TTT", INSTRUCTED, 32, 40.8),
        ("Llama-3.1-8B-Instruct", "TTF", INSTRUCTED, 12, 30.1),
        ("Llama-3.1-8B-Instruct", "FTF", QA, 14, 24.0),
        ("Llama-3.1-8B-Instruct", "FTF", INSTRUCTED, 6, 41.2),
        ("Llama-3.1-8B-Instruct", "TTT", INSTRUCTED, 15, 0.4),
    ],
)
def test_points_as_they_were_read(model: str, mask: str, format: str, paper_layer: int, score: float) -> None:
    points = published_series(model, mask, format).set_index("from_layer")["score"]
    assert points[paper_layer - 1] == score


def test_nothing_is_invented_between_the_points() -> None:
    """Layers 19 and 20 (from 1) of the main curve are hidden in the figure."""
    points = published_series("Llama-3.1-8B", "TTF", INSTRUCTED)
    assert {18, 19}.isdisjoint(points["from_layer"])
    last = published_series("Llama-3.1-8B", "FTF", QA)["from_layer"].tolist()
    assert last[-2:] == [22, 32]


def test_notes_keep_what_was_not_exact() -> None:
    points = published_series("Llama-3.1-8B", "TTF", INSTRUCTED).set_index("from_layer")["note"]
    assert points[0] == points[9] == "<=; one value given for 0 to 9"
    assert points[10] == ""
    assert points[17] == "~"
    assert points[31] == "~; one value given for 22 to 31"
    kept = published_series("Llama-3.1-8B", "FTF", INSTRUCTED).set_index("from_layer")
    assert kept.loc[20, "note"].startswith("between 41.2 and 41.9, the middle entered")
    assert kept.loc[20, "score"] == 41.55


@pytest.mark.parametrize(("model", "mask"), [("GPT-Neo", "TTF"), ("Llama-3.1-8B", "TFF"), ("Llama-3.1-8B", "none")])
def test_an_unpublished_curve_is_refused_with_the_list(model: str, mask: str) -> None:
    with pytest.raises(UserError, match=f"No published curve for {model} {mask}.*Llama-3.1-8B TTF instr_machine"):
        published_series(model, mask, INSTRUCTED)
