"""Where heads look: rows, settings refused, the report, and what must be seen in the embedded model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from analyses import attention_mass
from analyses.attention_mass import Config, cells, measure
from workbench.errors import UserError
from workbench.models.load import load
from workbench.runs.runner import run

PARTS = ["bos", "instructions", "examples_source", "examples_delimiter", "examples_target"]
PARTS = [f"to_{part}" for part in (*PARTS, "query_source", "query_delimiter", "completion")]


@pytest.fixture(scope="module")
def config(tiny_checkpoint, word_pairs) -> Config:
    model = str(tiny_checkpoint("llama-gqa"))
    return Config(
        model=model, task=(word_pairs,), format="instr_task", examples=2, limit=5, batch_size=3, dtype="float64"
    )


def test_a_row_for_every_prompt_layer_head_and_place(config):
    model = load(config.model, dtype=torch.float64)
    chosen = replace(config, places=("answer", "reference"), seeds=(0, 1))
    table = pd.concat([measure(chosen, cell, model) for cell in cells(chosen)], ignore_index=True)
    assert len(table) == 2 * 2 * 5 * 4 * 4
    assert not table.duplicated(["place", "seed", "prompt", "layer", "head"]).any()
    np.testing.assert_allclose(table[PARTS].sum(axis=1), 1, atol=1e-9)
    context = [f"to_{part}" for part in ("instructions", "examples_source", "examples_delimiter", "examples_target")]
    np.testing.assert_allclose(table[context].sum(axis=1), table["to_context"], atol=1e-12)
    assert table.loc[table["place"] == "answer", "to_completion"].isna().all()
    assert table.loc[table["place"] == "reference", "to_completion"].notna().all()
    assert (table["to_each_target"].map(sum) - table["to_examples_target"]).abs().max() < 1e-12
    # The weights themselves are kept once for each place and seed.
    assert table["tokens"].notna().sum() == 4
    assert table["weights"].notna().sum() == 4 * 16


def test_a_run_draws_its_report(config, tmp_path):
    finished = run(attention_mass, replace(config, dtype="float32"), tmp_path, progress=False)
    names = [picture.name.rpartition(".")[2] for picture in finished.page.pictures]
    assert names == ["segments", "layers", "examples", "tokens"]
    assert "of the attention goes to the context, most at layer" in finished.page.summary[0]
    assert len(finished.page.tables[0].frame) == 16
    profile = attention_mass.layer_profile(finished.folder.table())
    assert list(profile["layer"]) == [0, 1, 2, 3]
    assert profile["value"].between(0, 100).all()
    assert (profile["low"] <= profile["value"]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 0}, "batch size is 0"),
        ({"places": ()}, "No places given"),
        ({"seeds": (1, 1)}, "one value twice"),
        ({"limit": 99}, "99 test prompts"),
    ],
)
def test_bad_settings_are_refused_before_a_model_is_loaded(config, change, message):
    with pytest.raises(UserError, match=message):
        cells(replace(config, **change))


def test_in_the_embedded_model_heads_look_at_the_examples_targets():
    config = Config(limit=4)
    (cell,) = cells(config)
    table = measure(config, cell, load("mini"))
    means = table.groupby(["layer", "head"])[["to_examples_target", "to_query_source"]].mean()
    assert means["to_examples_target"].max() > 0.9
    assert means["to_query_source"].max() > 0.9
    assert len(attention_mass.figures(table)) == 4
