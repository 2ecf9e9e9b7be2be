"""Activation patching as an analysis: rows, settings refused, the report, and the embedded model."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from analyses import activation_patching
from analyses.activation_patching import Config, cells, measure
from workbench.errors import UserError
from workbench.models.load import load
from workbench.runs.runner import run
from workbench.statistics.recovery import recovered

WORDS = ["cat", "dog", "house", "red", "small", "book", "table", "see", "sleep", "where", "the cat", "a dog"]


def pairs_file(folder, name: str, shift: int) -> str:
    path = folder / name
    rows = [
        {"source": word, "target": WORDS[(n + shift) % 12], "split": "pool" if n % 2 else "test"}
        for n, word in enumerate(WORDS)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return f"jsonl:{path}"


@pytest.fixture(scope="module")
def config(tiny_checkpoint, tmp_path_factory) -> Config:
    folder = tmp_path_factory.mktemp("data")
    return Config(
        model=str(tiny_checkpoint("llama")),
        task=(pairs_file(folder, "one.jsonl", 5),),
        other=pairs_file(folder, "two.jsonl", 3),
        align="last",
        places=("examples.target", "answer"),
        examples=2,
        limit=4,
        batch_size=3,
    )


def test_a_run_draws_its_report(config, tmp_path):
    finished = run(activation_patching, config, tmp_path, progress=False)
    table = finished.folder.table()
    assert len(table) == 4 * (2 + 2 * (3 * 4 + 16))
    found = recovered(table)
    assert len(found) == 2 * (3 * 4 + 16)
    assert set(found["part"]) == {"residual", "attention", "feed-forward", "head"}
    assert len(finished.page.summary) == 1
    assert "two.jsonl" in finished.page.summary[0]
    drawn = [picture.name.rpartition(".")[2] for picture in finished.page.pictures]
    # Random weights: the corruption may do nothing that is told from nothing, and then nothing is drawn.
    assert drawn == ([] if found["value"].isna().all() else ["parts", "heads"])


def test_what_does_not_go_together_is_refused(config):
    for change, message in (
        ({"other": config.task[0]}, "itself"),
        ({"examples": 0}, "nothing to corrupt"),
        ({"places": ()}, "No places"),
        ({"batch_size": 0}, "batch size"),
        ({"parts": ("head", "head")}, "one value twice"),
    ):
        with pytest.raises(UserError, match=message):
            cells(replace(config, **change))
    model = load(config.model)
    for change, message in (
        ({"places": ("instructions",)}, "no instructions"),
        ({"examples": 6, "align": "tokens"}, "--align last"),
    ):
        chosen = replace(config, **change)
        with pytest.raises(UserError, match=message):
            measure(chosen, cells(chosen)[0], model)


def test_in_the_embedded_model_the_language_goes_from_the_targets_to_the_answer():
    config = Config(parts=("residual", "head"), places=("examples.target", "answer"), limit=3)
    table = pd.concat([measure(config, cell, load("mini")) for cell in cells(config)])
    found = recovered(table)
    residual = found[found["part"] == "residual"].pivot_table(index="layer", columns="place", values="value")
    assert residual.loc[0, "examples.target"] > 0.95
    assert residual.loc[7, "examples.target"] < 0.1
    assert residual.loc[0, "answer"] < 0.1
    assert residual.loc[7, "answer"] > 0.95
    figures = activation_patching.figures(table)
    assert [name.rpartition(".")[2] for name in figures] == ["parts", "heads"]
    profile = activation_patching.layer_profile(table)
    assert profile.groupby("quantity").size().tolist() == [8, 8]
