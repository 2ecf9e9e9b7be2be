"""The layer against the number of examples: nested draws, the line without any, both figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from analyses import number_of_examples
from analyses.number_of_examples import Config, cells, figures, measure
from workbench.errors import UserError
from workbench.models.load import load
from workbench.runs.runner import run


@pytest.fixture(scope="module")
def config(tiny_checkpoint, word_pairs) -> Config:
    return Config(
        model=str(tiny_checkpoint("llama")),
        task=(word_pairs,),
        examples=(0, 1, 3),
        format="instr_none_QA",
        seeds=(0, 1),
        layers=(1, 3),
        limit=4,
        max_new_tokens=3,
        batch_size=4,
        dtype="float64",
        scores=("exact_match", "divergence", "log_probability"),
    )


@pytest.fixture(scope="module")
def model(config):
    return load(config.model, dtype=torch.float64)


@pytest.fixture(scope="module")
def table(config, model) -> pd.DataFrame:
    found = pd.concat([measure(config, cell, model) for cell in cells(config)], ignore_index=True)
    found.attrs["settings"] = {}
    return found


def test_every_number_seed_layer_and_prompt_once(table):
    assert not table.duplicated(["examples", "seed", "from_layer", "prompt"]).any()
    layers = table.groupby("examples")["from_layer"].agg(set).to_dict()
    assert layers == {0: {0, 4}, 1: {0, 1, 3, 4}, 3: {0, 1, 3, 4}}
    assert table.groupby("examples")["seed"].agg(set).to_dict() == {0: {0}, 1: {0, 1}, 3: {0, 1}}


def test_fewer_examples_are_the_first_of_more(config):
    task = number_of_examples._task(config, config.task[0], 3)
    assert task.examples(3, seed=1)[:1] == task.examples(1, seed=1)


def test_without_examples_nothing_is_hidden(table):
    none = table[table["examples"] == 0]
    assert set(none["hides"]) == {""}
    assert (np.stack(none["divergence"].to_list())[:, 0] == 0).all()


def test_the_figures(table):
    drawn = figures(table)
    assert {"layer-by-examples", "layer-by-examples.log_probability"} <= set(drawn)
    layers = drawn["layer-by-examples"]
    marks = [trace for trace in layers.data if trace.meta["role"] == "layer"]
    assert [round(x) for x in marks[0].x] == [1, 3]
    curves = next(figure for name, figure in drawn.items() if name.endswith("exact_match"))
    means = [trace for trace in curves.data if trace.meta["role"] == "mean"]
    assert [trace.name for trace in means] == ["1 example", "3 examples"]
    assert len({trace.line.color for trace in means}) == 2
    assert "no examples" in [trace.meta.get("name") for trace in curves.data]


def test_chosen_layers_may_be_left_to_the_curve(config, model):
    chosen = replace(config, layers="adaptive", examples=(0, 2), scores=("divergence",))
    found = cells(chosen)
    assert [(cell.examples, cell.seeds) for cell in found] == [(0, (0,)), (2, (0, 1))]
    table = measure(chosen, found[1], model)
    assert {0, 4} <= set(table["from_layer"])
    assert set(table["seed"]) == {0, 1}


def test_a_run_to_the_report(config, tmp_path):
    finished = run(number_of_examples, replace(config, seeds=(0,)), tmp_path / "run", progress=False)
    assert any("recognition layer by exact match and number of examples" in said for said in finished.page.summary)
    assert "layer-by-examples" in finished.index.read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"examples": (0,)}, "no context to hide without examples"),
        ({"examples": (1, 7)}, "fewer than the 7"),
        ({"examples": (1, -1)}, "number of examples is -1"),
        ({"examples": (1, 1)}, "examples names one value twice"),
        ({"limit": 99}, "99 test prompts were asked for"),
        ({"mask": "TTX"}, "Unknown mask 'TTX'"),
        ({"format": "instr_nun"}, "Unknown prompt format"),
    ],
)
def test_bad_settings_are_refused_before_a_model_is_loaded(config, change, message):
    with pytest.raises(UserError, match=message):
        cells(replace(config, **change))


@pytest.mark.real_data
def test_flores(real_data, tmp_path):
    config = Config(
        model=str(real_data / "stories260k"),
        task=("flores:eng_Latn-por_Latn",),
        examples=(0, 1),
        seeds=(0,),
        layers=(2,),
        limit=2,
        data=real_data,
        max_new_tokens=4,
    )
    finished = run(number_of_examples, config, tmp_path / "run", progress=False)
    assert set(finished.folder.table()["examples"]) == {0, 1}
