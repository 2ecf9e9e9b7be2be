"""Attention removed layer by layer: as the reference does it, for every kind of prompt, and drawn with its baselines."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from analyses import attention_removal
from analyses.attention_removal import Config, cells, measure
from workbench.errors import UserError
from workbench.models.load import load
from workbench.runs.runner import run

WORDS = ["cat", "dog", "house", "red", "small", "book", "table", "see", "sleep", "where", "the cat", "a dog"]


@pytest.fixture(scope="module")
def config(tiny_checkpoint, tmp_path_factory) -> Config:
    path = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    rows = [
        {"source": word, "target": WORDS[(n + 5) % 12], "instruction": "Answer", "split": "pool" if n % 2 else "test"}
        for n, word in enumerate(WORDS)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    prompts = ("both", "examples", "instruction", "neither")
    model = str(tiny_checkpoint("gpt2"))
    return Config(model=model, task=(f"jsonl:{path}",), examples=2, prompts=prompts, limit=5, batch_size=3)


def measured(config, model):
    return pd.concat([measure(config, cell, model) for cell in cells(config)], ignore_index=True)


def test_every_layer_under_every_kind_of_prompt(config):
    chosen = replace(config, dtype="float64", scores=("log_probability",))
    model = load(config.model, dtype=torch.float64)
    table = measured(chosen, model)
    assert (table.groupby(["shows", "condition"]).size() == 5).all()
    assert set(table["condition"]) == {"clean", *(f"attention {layer}" for layer in range(model.n_layers))}
    shown = table.drop_duplicates("shows").set_index("shows")
    assert shown["examples"].to_dict() == {"both": 2, "examples": 2, "instruction": 0, "neither": 0}
    assert shown["format"].to_dict()["instruction"] == "instr_task"
    again = measured(replace(chosen, engine="reference"), model)
    ours, theirs = (np.array([row[0] for row in frame["log_probability"]]) for frame in (table, again))
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_a_run_draws_curves_with_baselines(config, tmp_path):
    finished = run(attention_removal, config, tmp_path, progress=False)
    assert len(finished.page.summary) == 4
    assert "critical layers" in finished.page.summary[0]
    figure = next(iter(attention_removal.figures(finished.folder.table()).values()))
    dotted = [shape for shape in figure.layout.shapes if shape.line.dash == "dot"]
    assert len(dotted) == 4
    profile = attention_removal.layer_profile(finished.folder.table())
    assert sorted(profile["layer"]) == [0, 1, 2, 3]
    assert (profile["low"] <= profile["value"]).all()


def test_settings_that_name_nothing_are_refused(config):
    with pytest.raises(UserError, match="prompts is"):
        cells(replace(config, prompts=()))
    with pytest.raises(UserError, match="batch size"):
        cells(replace(config, batch_size=0))
