"""One curve read in many ways: one sweep for all variants, every reading in the table and the picture."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
import torch

from analyses import recognition_sensitivity
from analyses.recognition_sensitivity import Config, cells, figures, measure
from workbench.errors import UserError
from workbench.models.load import load
from workbench.runs.runner import run

SCORES = ("exact_match", "log_probability", "agreement", "divergence")


@pytest.fixture(scope="module")
def config(tiny_checkpoint, word_pairs) -> Config:
    return Config(
        model=str(tiny_checkpoint("llama")),
        task=(word_pairs,),
        examples=2,
        seeds=(0, 1),
        limit=4,
        max_new_tokens=3,
        batch_size=4,
        dtype="float64",
        scores=SCORES,
    )


@pytest.fixture(scope="module")
def table(config) -> pd.DataFrame:
    model = load(config.model, dtype=torch.float64)
    found = pd.concat([measure(config, cell, model) for cell in cells(config)], ignore_index=True)
    found.attrs["settings"] = {}
    return found


def test_all_variants_at_all_layers(table):
    assert not table.duplicated(["variant", "seed", "from_layer", "prompt"]).any()
    layers = table.groupby("variant")["from_layer"].agg(set)
    assert set(layers.index) == {"paper", "bos-hidden", "zeroed"}
    assert all(found == set(range(5)) for found in layers)


def test_the_ceiling_is_the_same_whatever_is_hidden(table):
    ceiling = table[table["from_layer"] == 4]
    assert ceiling.groupby(["seed", "prompt"])["completion"].nunique().eq(1).all()


def test_thresholds_change_no_row(config):
    assert cells(replace(config, fractions=(0.5,))) == cells(config)
    assert recognition_sensitivity.SUMMARY_ONLY == ("fractions",)


def test_the_figures(table):
    drawn = figures(table)
    kinds = {name.split(".", 1)[1].partition(".")[2] for name in drawn}
    assert kinds == {"readings", "scores", "variants.exact_match", "variants.log_probability"}
    readings = next(figure for name, figure in drawn.items() if name.endswith("readings"))
    marks = [trace for trace in readings.data if trace.meta["role"] == "layer"]
    # Four scores; three fractions of the rise by two scores, one of the ceiling; three variants by two scores.
    assert len(marks) == 4 + 7 + 6


def test_a_run_to_the_report(config, tmp_path):
    small = replace(config, seeds=(0,), layers=(1, 3))
    finished = run(recognition_sensitivity, small, tmp_path / "run", progress=False)
    assert any("layers found when one thing varies" in said for said in finished.page.summary)
    assert any("layers not measured" in said for said in finished.page.summary)
    short, every = (table.frame for table in finished.page.tables)
    assert set(short["Varies"]) == {"score", "threshold", "hiding"}
    assert {"90 % of the rise", "99 % of the rise", "95 % of the ceiling"} <= set(every["At"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fractions": (0.9, 1.2)}, "fraction is 1.2"),
        ({"fractions": ()}, "No fractions given"),
        ({"examples": 0}, "number of examples is 0"),
        ({"limit": 99}, "99 test prompts were asked for"),
        ({"mask": "X"}, "Unknown mask 'X'"),
    ],
)
def test_bad_settings_are_refused_before_a_model_is_loaded(config, change, message):
    with pytest.raises(UserError, match=message):
        cells(replace(config, **change))


@pytest.mark.real_data
def test_flores(real_data, tmp_path):
    config = Config(
        model=str(real_data / "stories260k"),
        task=("flores:eng_Latn-fra_Latn",),
        examples=1,
        seeds=(0,),
        layers=(2,),
        limit=2,
        data=real_data,
        max_new_tokens=4,
    )
    finished = run(recognition_sensitivity, config, tmp_path / "run", progress=False)
    assert set(finished.folder.table()["variant"]) == {"paper", "bos-hidden", "zeroed"}
