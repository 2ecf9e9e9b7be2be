"""Direct logit attribution as an analysis: rows that add up, the report, and the embedded model."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
import torch

from analyses import direct_logit_attribution
from analyses.direct_logit_attribution import Config, cells, measure
from workbench.errors import UserError
from workbench.models.load import load
from workbench.runs.runner import run


@pytest.fixture(scope="module")
def config(tiny_checkpoint, word_pairs) -> Config:
    model = str(tiny_checkpoint("opt"))
    return Config(model=model, task=(word_pairs,), examples=2, limit=5, batch_size=3, dtype="float64")


@pytest.mark.parametrize("contrast", ["none", "mean", "runner-up", "copied"])
def test_parts_add_up_in_every_prompt(config, contrast):
    model = load(config.model, dtype=torch.float64)
    chosen = replace(config, contrast=contrast)
    table = pd.concat([measure(chosen, cell, model) for cell in cells(chosen)], ignore_index=True)
    assert len(table) == 5 * (3 + 4 * (4 + 4))
    of = table.groupby(["part", "prompt"])["share"].sum().unstack("prompt")
    whole = of.loc[["embedding", "attention", "feed-forward", "final bias"]].sum()
    assert (whole - of.loc["logit"]).abs().max() < 1e-9
    assert (of.loc["head"] + of.loc["attention bias"] - of.loc["attention"]).abs().max() < 1e-9
    assert (table["scale"] > 0).all()


def test_a_run_draws_its_report(config, tmp_path):
    finished = run(direct_logit_attribution, replace(config, dtype="float32"), tmp_path, progress=False)
    assert [picture.name.rpartition(".")[2] for picture in finished.page.pictures] == ["layers", "heads"]
    bars = finished.page.pictures[0].figure
    assert [trace.name for trace in bars.data] == [
        "embedding",
        "attention",
        "feed-forward",
        "final bias",
        "sum so far",
    ]
    table = finished.folder.table()
    total = table[table["part"] == "logit"]["share"].mean()
    biases = table[table["part"] == "final bias"]["share"].mean()
    assert bars.data[-1].y[-1] == pytest.approx(total - biases, abs=1e-4)
    assert "Largest heads" in finished.page.summary[0]
    profile = direct_logit_attribution.layer_profile(table)
    assert profile.groupby("quantity").size().tolist() == [4, 4]


def test_bad_settings_are_refused_before_a_model_is_loaded(config):
    for change, message in (({"batch_size": 0}, "batch size"), ({"task": ()}, "No task"), ({"limit": 99}, "99 test")):
        with pytest.raises(UserError, match=message):
            cells(replace(config, **change))


def test_the_embedded_models_answer_is_written_late():
    config = Config(limit=4)
    (cell,) = cells(config)
    table = measure(config, cell, load("mini"))
    means = table.groupby(["part", "layer"])["share"].mean()
    assert means["logit", -1] > 10
    assert means["feed-forward"].sum() + means["attention"].sum() > 0.95 * means["logit", -1]
    # Attention reads the word to be translated in the upper half of the layers.
    assert means["attention"].idxmax() >= 3
