from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analyses import head_gates
from analyses.head_gates import Cell, Config, cells, figures, layer_profile, measure
from workbench.errors import UserError
from workbench.models.load import load
from workbench.runs.runner import run


@pytest.fixture
def config(tiny_checkpoint) -> Config:
    return Config(
        model=str(tiny_checkpoint("llama")),
        task=("bitwise-xor",),
        test_tasks=("bitwise-and",),
        penalties=(100.0, 0.001),
        training_examples=(0, 1),
        test_examples=(0, 2),
        learning_rate=1.0,
        training_items=8,
        validation_items=4,
        training_batch=4,
        epochs=4,
        limit=4,
        max_new_tokens=3,
        batch_size=4,
        dtype="float64",
    )


def loaded(config):
    import torch

    return load(config.model, dtype=getattr(torch, config.dtype))


def test_cells_are_the_model_without_gates_and_a_training_for_each_choice(config):
    assert cells(replace(config, seeds=(0, 1), penalties=(0.1,))) == [
        Cell("bitwise-xor", 0),
        *(Cell("bitwise-xor", seed, examples, 0.1) for seed in (0, 1) for examples in (0, 1)),
    ]


def test_a_run_from_the_beginning_to_the_report(config, tmp_path):
    finished = run(head_gates, config, tmp_path / "run", progress=False)
    table = finished.folder.table()
    answers = table[table["what"] == "answer"]
    assert len(answers) == 5 * 2 * 2 * 4
    assert len(table[table["what"] == "gate"]) == 4 * 16
    # A penalty of a hundred nats for each of sixteen heads is more than any of them is worth.
    off = table[(table["what"] == "gate") & (table["penalty"] == "100")]
    assert (off["gate"] == 0).all()
    names = list(figures(table))
    assert names == [
        "bitwise-xor.gates.0-examples.seed-0",
        "bitwise-xor.gates.1-examples.seed-0",
        *(f"bitwise-xor.gates.{score}" for score in ("exact_match", "log_probability")),
        *(f"bitwise-xor.bitwise-and.gates.{score}" for score in ("exact_match", "log_probability")),
        "bitwise-xor.gates.training",
    ]
    assert len(finished.page.summary) == 4
    assert "16 of 16 heads off (100%)" in finished.page.summary[0]
    assert "Scores before and after" in finished.index.read_text()
    assert set(layer_profile(table)["layer"]) == {0, 1, 2, 3}
    kept = sorted(path.name for path in (tmp_path / "run" / "gates").iterdir())
    assert kept == [f"bitwise-xor.{k}-examples.penalty-{p}.seed-0" for k in (0, 1) for p in ("0.001", "100")]
    for path in (tmp_path / "run" / "gates").iterdir():
        assert json.loads((path / "training.json").read_text())["steps"] <= 8
        assert not (path / "state.pt").exists()
    texts = finished.folder.completions()
    assert len(texts.dropna(subset=["completion"])) == len(answers)


def test_kept_gates_give_the_same_rows_and_leave_the_model_alone(config, tmp_path):
    model, cell = loaded(config), Cell("bitwise-xor", 0, 1, 1.0)
    before = model.hooked.blocks[1].attn.W_O.clone()
    steps: list[int] = []
    first = measure(config, cell, model, progress=steps.append, folder=tmp_path)
    made = sum(steps)
    assert made
    again = measure(config, cell, model, progress=steps.append, folder=tmp_path)
    assert sum(steps) == made
    pd.testing.assert_frame_equal(first, again)
    assert (before == model.hooked.blocks[1].attn.W_O).all()
    bare = measure(config, Cell("bitwise-xor", 0), model)
    values = [np.stack(table.loc[table["what"] == "answer", "log_probability"].to_list()) for table in (first, bare)]
    assert not np.allclose(values[0], values[1])


def test_a_folder_of_other_settings_is_refused(config, tmp_path):
    cell = Cell("bitwise-xor", 0, 0, 1.0)
    measure(config, cell, loaded(config), folder=tmp_path)
    other = replace(config, epochs=5)
    with pytest.raises(UserError, match=r"epochs is 4 there and 5 here.*give another --out"):
        measure(other, cell, loaded(config), folder=tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": ("opposite-en",)}, "'opposite-en' has no items to train on"),
        ({"penalties": ()}, "No penalties given"),
        ({"penalties": (0.1, 0.1)}, "penalties names one value twice: 0.1, 0.1"),
        ({"penalties": (-0.1,)}, "penalty is -0.1; give 0 or more"),
        ({"validation_items": 100}, "100 items in its pool, fewer than the 100 to validate on and 1 to show"),
        ({"training_items": 5000}, "fewer than the 5000 asked for"),
        ({"test_examples": (101,)}, "100 items to draw examples from"),
        ({"learning_rate": 0.0}, "learning rate of the training is 0.0"),
        ({"format": "instr_nun"}, "Unknown prompt format"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"limit": 999}, "999 test prompts were asked for"),
        ({"device": "cuda:0,cuda:1"}, "names several: gates are trained on one"),
    ],
)
def test_bad_settings_are_refused_before_a_model_is_loaded(config, change, message):
    with pytest.raises(UserError, match=message):
        cells(replace(config, **change))


def test_a_task_of_programs_has_nothing_to_train_on(config, code_folder):
    for data in (code_folder, None):
        with pytest.raises(UserError, match=r"^Task 'humaneval' has no items to train on; [^\n]*$"):
            cells(replace(config, task=("humaneval",), data=data))


@pytest.mark.real_data
def test_real_data_and_a_real_model(real_settings, few_lessons, tmp_path):
    config = Config(
        **real_settings,
        **few_lessons,
        penalties=(1.0,),
        learning_rate=2.0,
        training_examples=(0,),
        test_examples=(0,),
    )
    table = run(head_gates, config, tmp_path / "run", progress=False).folder.table()
    assert table.groupby(["what", "penalty"]).size().to_dict() == {
        ("answer", ""): 2,
        ("answer", "1"): 2,
        ("evaluation", "1"): 2,
        ("gate", "1"): 5 * 8,
    }
    evaluations = table[table["what"] == "evaluation"].sort_values("step")
    assert evaluations["step"].tolist() == [0, 3]
    assert evaluations["kept"].tolist() == [0, 1]
    gates = table.loc[table["what"] == "gate", "gate"]
    # All begin at 1. Nearly as many nats as heads are to be had by shutting them, and every gate learns for itself.
    assert 0 < (gates == 0).sum() < 40
    assert evaluations["off"].tolist() == [0, (gates == 0).sum()]
