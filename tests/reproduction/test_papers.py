"""Published tables: every number has its source, and they fit together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.errors import UserError
from workbench.models.registry import find
from workbench.published.papers import ANY, RECOGNITION, UNNAMED, Paper, find_paper
from workbench.reproduction.experiments import EXPERIMENTS


@pytest.fixture(scope="module")
def paper() -> Paper:
    return find_paper("paper-a")


def test_every_number_has_its_source(paper: Paper) -> None:
    assert len(paper.points) > 400
    assert (paper.points[["source", "read", "experiment", "version", "series", "quantity"]] != "").all().all()
    assert (paper.settings[["source", "value"]] != "").all().all()
    assert (paper.points["low"] <= paper.points["value"]).all()
    assert (paper.points["value"] <= paper.points["high"]).all()


def test_no_number_stands_twice(paper: Paper) -> None:
    keys = ["experiment", "version", "model", "direction", "series", "quantity", "layer"]
    assert not paper.points.duplicated(keys).any()


def test_the_tables_fit_together(paper: Paper) -> None:
    models = set(paper.models["model"])
    assert set(paper.points["model"]) <= {*models, UNNAMED}
    assert set(paper.experiments["model"]) == {*models, ANY}
    names = {*paper.points["experiment"], *paper.experiments["experiment"], *paper.settings["experiment"]}
    assert names == set(EXPERIMENTS)
    assert set(paper.settings["standing"]) == {"must agree", "noted"}
    ran = set(map(tuple, paper.experiments[["experiment", "version", "model"]].to_numpy()))
    of_models = paper.points[paper.points["model"] != UNNAMED]
    assert set(map(tuple, of_models[["experiment", "version", "model"]].to_numpy())) <= ran
    # What is run on a model that was not measured is everything.
    assert set(paper.experiments.loc[paper.experiments["model"] == ANY, "experiment"]) == set(EXPERIMENTS)


def test_the_models_are_known_here(paper: Paper) -> None:
    assert all(find(name) is not None for name in paper.models["known_as"])
    assert paper.called("bloom-3b") == "BLOOM-3B"
    assert paper.called("mini") is None
    assert paper.known_as("Llama-3.1-8B") == "Llama-3.1-8B"
    with pytest.raises(UserError, match="has no model 'GPT-4'; its models are GPT-Neo"):
        paper.known_as("GPT-4")


@pytest.mark.parametrize(
    ("experiment", "model", "series", "layer", "value", "low", "high"),
    [
        # At most 1.7; 5.8; about 41, its marker hidden; 41.2 to 41.9, the middle entered; printed.
        ("context-masking", "Llama-3.1-8B", "instructions and examples hidden", 0, 1.7, 0, 2.1),
        ("context-masking", "Llama-3.1-8B", "instructions and examples hidden", 10, 5.8, 5.4, 6.2),
        ("context-masking", "Llama-3.1-8B", "instructions and examples hidden", 31, 41, 40, 42),
        ("context-masking", "Llama-3.1-8B", "examples hidden, instructions kept", 20, 41.55, 40.8, 42.3),
        ("context-masking", "Llama-3.1-8B", "nothing hidden", None, 40.948, 40.948, 40.948),
        ("single-layer-lora", "Llama-3.1-8B", "800 training pairs", 15, 16.5, 16.1, 16.9),
        ("single-layer-lora", "Llama-3.1-8B", "800 training pairs", 0, 40, 38.6, 41.4),
        ("single-layer-lora", "Llama-3.1-8B-Instruct", "400 training pairs", 31, 1.7, 0, 2.1),
    ],
)
def test_readings_and_how_far_off_they_may_be(
    paper: Paper, experiment: str, model: str, series: str, layer: int | None, value: float, low: float, high: float
) -> None:
    points = paper.points
    rows = points[(points["experiment"] == experiment) & (points["model"] == model) & (points["series"] == series)]
    rows = rows[(rows["quantity"] == "bleu") & (rows["layer"].isna() if layer is None else rows["layer"] == layer)]
    assert len(rows) == 1
    assert rows[["value", "low", "high"]].to_numpy()[0].tolist() == pytest.approx([value, low, high])


def test_recognition_layers_are_the_texts_or_the_rules(paper: Paper) -> None:
    rows = paper.points[
        (paper.points["quantity"] == RECOGNITION) & (paper.points["series"] == "instructions and examples hidden")
    ]
    found = {(row["model"], row["direction"]): (row["value"], row["read"]) for _, row in rows.iterrows()}
    assert found["Llama-3.1-8B", "en-fr"] == (15, "found in the curve by this project's rule")
    assert found["Llama-7B", "fr-en"][0] == 13  # 14 counted from 1
    assert found["Llama-7B", "fr-en"][1].startswith("from the text, seen by eye")


def test_settings_by_version(paper: Paper) -> None:
    assert paper.setting("single-layer-lora", "arXiv", "preset") == "v1"
    assert paper.setting("single-layer-lora", "NeurIPS", "preset") == "neurips"
    assert paper.setting("context-masking", "NeurIPS", "examples") == "5"
    assert paper.setting("context-masking", "NeurIPS", "colour") is None


def test_an_unknown_paper() -> None:
    with pytest.raises(UserError, match="Unknown paper 'paper-z': there is paper-a, or give a folder with the tables"):
        find_paper("paper-z")


def test_a_folder_is_a_paper(made_up: Callable[..., Path]) -> None:
    found = find_paper(str(made_up()))
    assert found.name == "made-up"
    assert found.called("toy") == "Toy"
    assert found.points.empty
    assert found.setting("context-masking", "first", "test prompts") == "4"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda folder: (folder / "models.tsv").unlink(), "Cannot read .*models.tsv"),
        (lambda folder: (folder / "models.tsv").write_text("model\nToy\n"), "models.tsv lacks the columns known_as"),
    ],
)
def test_tables_that_are_not_there_or_not_whole(
    made_up: Callable[..., Path], change: Callable[[Path], object], complaint: str
) -> None:
    folder = made_up()
    change(folder)
    with pytest.raises(UserError, match=complaint):
        find_paper(str(folder))


@pytest.mark.parametrize(
    ("value", "low", "high", "complaint"),
    [
        ("x", 0, 1, "must be numbers"),
        (2, 0, 1, r"nothing hidden must have low, value and high in ascending order. Got 0, 2, 1"),
    ],
)
def test_numbers_that_are_none(
    made_up: Callable[..., Path], value: object, low: int, high: int, complaint: str
) -> None:
    row = [
        "context-masking",
        "first",
        "Toy",
        "en-fr",
        "nothing hidden",
        "bleu",
        "",
        value,
        low,
        high,
        "table",
        "text",
        "",
    ]
    with pytest.raises(UserError, match=complaint):
        find_paper(str(made_up(row)))
