from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analyses import task_recognition
from analyses.task_recognition import Config, cells, figures, measure
from workbench.errors import UserError
from workbench.models.load import load
from workbench.runs.runner import run
from workbench.statistics.curves import summarise_run
from workbench.views.masking_notes import layers_not_measured


@pytest.fixture
def config(tiny_checkpoint, word_pairs) -> Config:
    return Config(
        model=str(tiny_checkpoint("llama")),
        task=(word_pairs,),
        format="instr_task",
        examples=2,
        seeds=(0, 1),
        masks=("TTF", "FTF"),
        limit=5,
        max_new_tokens=4,
        batch_size=3,
        dtype="float64",
        scores=("exact_match", "agreement", "divergence", "log_probability"),
    )


def measured(config):
    import torch

    model = load(config.model, dtype=getattr(torch, config.dtype))
    return pd.concat([measure(config, cell, model) for cell in cells(config)], ignore_index=True)


def test_cells_cover_every_prompt_once(config):
    found = cells(config)
    for seed in config.seeds:
        spans = [(cell.start, cell.stop) for cell in found if cell.seeds == (seed,)]
        assert spans == [(0, 3), (3, 5)]


def test_the_table_has_every_mask_layer_seed_and_prompt_once(config):
    table = measured(config)
    keys = ["task", "seed", "mask", "from_layer", "prompt"]
    assert not table.duplicated(keys).any()
    assert len(table) == 1 * 2 * 2 * 5 * 5
    assert set(table["from_layer"]) == set(range(5))
    assert {"source", "reference", "completion", "stopped"} <= set(table.columns)


def test_the_ceiling_is_one_run_for_all_masks(config):
    table = measured(config)
    ceiling = table[table["from_layer"] == table["n_layers"]]
    for _, rows in ceiling.groupby(["seed", "prompt"]):
        assert rows["completion"].nunique() == 1
        assert (np.stack(rows["agreement"].to_list())[:, 0] == 1).all()
        assert (np.stack(rows["divergence"].to_list())[:, 0] == 0).all()


def test_both_engines_measure_the_same(config):
    fast, slow = (measured(replace(config, engine=engine)) for engine in ("fast", "reference"))
    for name in fast.columns:
        if name in config.scores:
            left, right = (np.array(table[name].to_list()) for table in (fast, slow))
            np.testing.assert_allclose(left, right, atol=1e-9)
        else:
            assert (fast[name] == slow[name]).all(), name


def test_masks_that_hide_the_same_are_run_once_and_shown_twice(config, monkeypatch):
    import workbench.masking.mask_rows

    ran = []
    real = workbench.masking.mask_rows.sweep

    def counting(model, prompts, conditions, **settings):
        ran.append(len(conditions))
        return real(model, prompts, conditions, **settings)

    monkeypatch.setattr(workbench.masking.mask_rows, "sweep", counting)
    table = measured(replace(config, format="instr_none_QA"))
    assert set(ran) == {1 + 4}
    masks = {mask: rows.reset_index(drop=True) for mask, rows in table.groupby("mask")}
    assert (masks["TTF"]["completion"] == masks["FTF"]["completion"]).all()


def test_chosen_layers_bring_floor_and_ceiling(config):
    assert set(measured(replace(config, layers=(2,)))["from_layer"]) == {0, 2, 4}


def test_examples_are_one_draw_for_each_seed(config):
    table = measured(config)
    clean = table[table["from_layer"] == 4]
    by_seed = {seed: tuple(rows["log_probability"].map(tuple)) for seed, rows in clean.groupby("seed")}
    assert by_seed[0] != by_seed[1]


def test_a_run_from_the_beginning_to_the_report(config, tmp_path):
    folder = run(task_recognition, config, tmp_path / "run", progress=False).folder
    assert (folder.path / "index.html").exists()
    table = folder.table()
    drawn = figures(table)
    assert len(drawn) >= len(config.scores)
    assert "Task" in (folder.path / "index.html").read_text()


def test_settings_of_the_rule_change_the_answer_and_not_the_rows(config, tmp_path):
    table = run(task_recognition, config, tmp_path / "run", progress=False).folder.table()
    strict, lax = table.copy(), table.copy()
    strict.attrs["settings"] = {"fraction": 1.0}
    lax.attrs["settings"] = {"fraction": 0.01}
    layers = [summarise_run(each).recognition.query("score == 'divergence'") for each in (strict, lax)]
    assert (layers[1]["threshold"].to_numpy() > layers[0]["threshold"].to_numpy()).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"masks": ("TXF",)}, "Unknown mask 'TXF'.*Did you mean"),
        ({"format": "instr_nun_QA"}, "Unknown prompt format.*instr_none_QA"),
        ({"format": "instr_machine_translation"}, "for tasks of kind translate"),
        ({"task": ("translate-en-fn",)}, "Unknown task 'translate-en-fn'.*translate-en-fr"),
        ({"examples": -1}, "-1"),
        ({"examples": 99}, "fewer than the 99"),
        ({"limit": 99}, "99 test prompts were asked for"),
        ({"limit": 0}, "0 test prompts were asked for"),
        ({"seeds": ()}, "No seeds given"),
        ({"seeds": (1, 1)}, "names one value twice"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"published": "Llama-9"}, "No published curves for 'Llama-9'"),
    ],
)
def test_bad_settings_are_refused_before_a_model_is_loaded(config, change, message):
    with pytest.raises(UserError, match=message):
        cells(replace(config, **change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": (9,)}, "Layer 9 is out of range.*4 layers"),
        ({"scores": ("blue",)}, "no score named 'blue'.*bleu"),
        ({"format": "instr_none_QA", "examples": 0}, "TTF hides instructions, examples.*none of them"),
    ],
)
def test_bad_settings_that_need_the_model(config, change, message):
    with pytest.raises(UserError, match=message):
        measured(replace(config, **change))


def test_adaptive_finds_what_the_whole_curve_says(config, monkeypatch):
    """On the embedded model, whose curve is real, searched as a deep one: the same layer, and the gaps said."""
    monkeypatch.setattr("workbench.masking.adaptive.SHALLOW", 0)
    whole = replace(
        config, model="mini", task=("translate-en-fr",), masks=("TTF",), limit=20, dtype="float32", examples=5,
        format="instr_none_QA", max_new_tokens=None, batch_size=20, scores=None,
    )  # fmt: skip
    full, found = (measured(replace(whole, layers=layers)) for layers in (None, "adaptive"))
    answers = [
        summarise_run(table).recognition.query("seed == 'all' and score == 'bleu'").iloc[0] for table in (full, found)
    ]
    assert answers[0]["layer"] == answers[1]["layer"]
    assert set(found["from_layer"]) <= set(full["from_layer"])
    both = found.merge(full, on=["seed", "mask", "from_layer", "prompt"], suffixes=("", "_full"))
    assert len(both) == len(found)
    assert (both["completion"] == both["completion_full"]).all()
    missing = set(full["from_layer"]) - set(found["from_layer"])
    said = layers_not_measured(found)
    assert bool(said) == bool(missing)
    assert layers_not_measured(full) == []


def test_no_examples_have_no_recognition_layer(config):
    table = measured(replace(config, examples=0, masks=("TTF",)))
    found = summarise_run(table).recognition
    assert found["layer"].isna().all()
    assert found["reason"].str.contains("no examples").all()
