"""The tuned lens analysis: trains once, evaluates on prompts it never read, and serves the logit lens analysis."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from analyses import logit_lens, tuned_lens
from analyses.tuned_lens import Config, cells, measure
from workbench.errors import UserError
from workbench.models.load import load
from workbench.runs.runner import run
from workbench.statistics.lens_curves import compared_means


@pytest.fixture
def config(tiny_checkpoint, word_pairs, tmp_path) -> Config:
    return Config(
        model=str(tiny_checkpoint("gpt2")),
        task=(word_pairs,),
        lens=tmp_path / "lens",
        steps=60,
        passages=3,
        rows=30,
        learning_rate=5e-3,
        examples=2,
        limit=5,
        seeds=(0, 1),
    )


def test_a_run_from_training_to_the_report(config, tmp_path):
    finished = run(tuned_lens, config, tmp_path / "run", progress=False)
    assert (config.lens / "lens.safetensors").exists()
    table = finished.folder.table()
    means = compared_means(table).set_index(["lens", "quantity", "layer"])["value"]
    for depth in range(4):
        assert means["tuned lens", "divergence_final", depth] < means["logit lens", "divergence_final", depth]
        assert means["tuned lens", "bias", depth] < means["logit lens", "bias", depth]
    for quantity in ("divergence_final", "bias"):
        assert means["tuned lens", quantity, 4] == pytest.approx(0, abs=1e-6)
    assert means["tuned lens", "cross_entropy", 4] == means["logit lens", "cross_entropy", 4]
    assert len(tuned_lens.figures(table)) == 4
    assert "→" in finished.page.summary[0]
    profile = tuned_lens.layer_profile(table)
    assert list(profile.columns) == ["model", "task", "layer", "quantity", "value", "low", "high"]
    assert profile["layer"].tolist() == [0, 1, 2, 3, 4]
    counts = compared_means(table)["n"]
    assert counts.nunique() == 1, "every mean and the bias are of the same positions"

    # The lens is there: nothing is trained again, and the logit lens analysis reads with it.
    trained: list[int] = []
    model = load(config.model)
    again = measure(config, cells(config)[0], model, trained.append)
    assert trained == []
    pd.testing.assert_series_equal(again["divergence_final"], table["divergence_final"])
    read = logit_lens.Config(
        model=config.model, task=config.task, examples=2, limit=5, lens=config.lens, masks=("FFF",), seeds=(0, 1)
    )
    with_lens = pd.concat([logit_lens.measure(read, cell, model) for cell in logit_lens.cells(read)])
    assert set(with_lens["lens"]) == {"tuned lens"}
    at_answer = table[(table["lens"] == "tuned lens") & (table["offset"] == 0)]
    both = with_lens.merge(at_answer, on=["seed", "prompt", "layer"], suffixes=("", "_tuned"))
    assert len(both) == len(with_lens)
    assert (both["divergence_final"] - both["divergence_final_tuned"]).abs().max() < 1e-4


def test_a_text_trains_it_too(config, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("the small cats do not see the red house . " * 30)
    chosen = replace(config, text=text, steps=2)
    table = measure(chosen, cells(chosen)[0], load(config.model))
    assert set(table["trained_on"]) == {"text.txt"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps of the training is 0"),
        ({"text": Path("no/such/text")}, "cannot be read"),
        ({"task": ()}, "No task given"),
        ({"seeds": (1, 1)}, "names one value twice"),
        ({"limit": 99}, "99 test prompts"),
        ({"batch_size": 0}, "batch size is 0"),
    ],
)
def test_bad_settings_are_refused_before_a_model_is_loaded(config, change, message):
    with pytest.raises(UserError, match=message):
        cells(replace(config, **change))


@pytest.mark.long
def test_on_the_embedded_model_it_trains_in_two_minutes_and_helps(tmp_path):
    torch.set_num_threads(2)
    config = Config(lens=tmp_path / "lens", limit=50)
    model = load("mini")
    began = time.process_time()
    table = measure(config, cells(config)[0], model)
    assert time.process_time() - began < 2 * 120, "two minutes of two cores"
    means = compared_means(table).set_index(["lens", "quantity", "layer"])["value"]
    for depth in range(1, model.n_layers):
        assert means["tuned lens", "divergence_final", depth] < means["logit lens", "divergence_final", depth]
        assert means["tuned lens", "bias", depth] < means["logit lens", "bias", depth]
