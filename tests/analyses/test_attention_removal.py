"""Attention removed layer by layer: as the reference does it, for every kind of prompt, and drawn with its baselines."""

from __future__ import annotations

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


@pytest.fixture(scope="module")
def config(tiny_checkpoint, word_pairs) -> Config:
    prompts = ("both", "examples", "instruction", "neither")
    model = str(tiny_checkpoint("gpt2"))
    settings = {"examples": 2, "limit": 5, "batch_size": 3, "max_new_tokens": 4}
    return Config(model=model, task=(word_pairs,), prompts=prompts, **settings)


def measured(config, model):
    return pd.concat([measure(config, cell, model) for cell in cells(config)], ignore_index=True)


def test_every_layer_under_every_kind_of_prompt(config):
    chosen = replace(config, dtype="float64", scores=("log_probability",))
    model = load(config.model, dtype=torch.float64)
    table = measured(chosen, model)
    assert (table.groupby(["shows", "condition"]).size() == 5).all()
    layers = range(model.n_layers)
    masks = {"both": "TTF", "examples": "FTF", "instruction": "TFF"}
    for shows, rows in table.groupby("shows"):
        hidden = {f"{masks[shows]} from {layer}" for layer in layers} if shows in masks else set()
        assert set(rows["condition"]) == {"clean", *(f"attention {layer}" for layer in layers), *hidden}
    clean = table[table["condition"] == "clean"]
    assert set(clean["layer"]) == set(clean["from_layer"]) == {-1}
    shown = table.drop_duplicates("shows").set_index("shows")
    assert shown["examples"].to_dict() == {"both": 2, "examples": 2, "instruction": 0, "neither": 0}
    assert shown["format"].to_dict()["instruction"] == "instr_task"
    again = measured(replace(chosen, engine="reference"), model)
    ours, theirs = (np.array([row[0] for row in frame["log_probability"]]) for frame in (table, again))
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_the_papers_conditions_and_baselines(config):
    paper = Config()
    assert paper.prompts == ("both", "examples", "neither")
    assert (paper.baselines, paper.examples) == (("both", "instruction"), 5)
    few = replace(config, prompts=paper.prompts, scores=("log_probability",), masking=False)
    table = measured(few, load(config.model))
    of_baseline = table[table["shows"] == "instruction"]
    assert set(of_baseline["condition"]) == {"clean"}
    assert set(of_baseline["examples"]) == {0}
    assert set(table.loc[table["baseline"], "shows"]) == {"both", "instruction"}
    assert (table["from_layer"] == -1).all()
    assert len(figures_of(table)[0].data) > 0


def figures_of(table):
    return list(attention_removal.figures(table).values())


def drawn(figure, role):
    return [trace for trace in figure.data if (trace.meta or {}).get("role") == role]


def test_a_run_draws_curves_with_baselines(config, tmp_path):
    finished = run(attention_removal, replace(config, scores=("log_probability",)), tmp_path, progress=False)
    assert len(finished.page.summary) == 4
    assert "critical layers" in finished.page.summary[0]
    assert "rank correlation of the two over 4 layers" in finished.page.summary[0]
    assert "masking curve" not in finished.page.summary[3]
    figure = figures_of(finished.folder.table())[0]
    dotted = drawn(figure, "baseline")
    assert [trace.name for trace in dotted] == [
        "nothing removed: instruction and examples",
        "nothing removed: instruction, no examples",
    ]
    lines = drawn(figure, "mean")
    assert len([trace for trace in lines if trace.name.startswith("removed: ")]) == 4
    hidden = [trace for trace in lines if trace.name.startswith("context hidden from here on: ")]
    assert [list(trace.x) for trace in hidden] == [[0, 1, 2, 3, 4]] * 3
    # With the context hidden nowhere, the score is that with nothing removed.
    assert [trace.y[-1] for trace in hidden] == [trace.y[0] for trace in drawn(figure, "clean")[:3]]
    assert list(figure.layout.xaxis.ticktext)[-1] == "none"
    overlap = finished.page.tables[0].frame
    assert set(overlap["Score"]) >= {"log-probability"}
    assert (overlap.loc[overlap["Prompt shows"] == "neither", "Rank correlation"] == "–").all()
    profile = attention_removal.layer_profile(finished.folder.table())
    assert sorted(profile["layer"]) == [0, 1, 2, 3]
    assert (profile["low"] <= profile["value"]).all()


def test_settings_that_name_nothing_are_refused(config):
    with pytest.raises(UserError, match="No prompts given"):
        cells(replace(config, prompts=()))
    with pytest.raises(UserError, match="batch size"):
        cells(replace(config, batch_size=0))


def test_prompts_without_examples_are_run_once(config):
    """Every seed would run the same prompts, and count them again."""
    two = replace(config, seeds=(3, 4), batch_size=50)
    seen = [(cell.prompt, cell.seed) for cell in cells(two)]
    drawn = [(shows, seed) for shows in ("both", "examples") for seed in (3, 4)]
    assert sorted(seen) == sorted([*drawn, ("instruction", 3), ("neither", 3)])
    assert {cell.seed for cell in cells(replace(two, examples=0))} == {3}


@pytest.mark.real_data
def test_real_data_and_a_real_model(real_settings, tmp_path):
    config = Config(
        **real_settings,
        prompts=("examples",),
        baselines=("neither",),
        examples=1,
        scores=("bleu", "log_probability"),
    )
    table = run(attention_removal, config, tmp_path / "run", progress=False).folder.table()
    shown = table[table["shows"] == "examples"]
    removed = [f"attention {layer}" for layer in range(5)]
    hidden = [f"FTF from {layer}" for layer in range(5)]
    assert shown.groupby("condition").size().to_dict() == dict.fromkeys(["clean", *removed, *hidden], 2)
    assert table[table["shows"] == "neither"]["condition"].tolist() == ["clean"] * 2
    first = shown.drop_duplicates("condition").set_index("condition")["log_probability"].map(lambda sums: sums[0])
    assert (first[removed] != first["clean"]).all()
