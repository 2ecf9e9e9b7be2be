"""Both directions of translation on the same sentences, and the layers compared."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from analyses import translation_directions
from analyses.translation_directions import Config, cells, figures, measure, task_digest
from workbench.errors import UserError
from workbench.models.load import load
from workbench.runs.runner import run
from workbench.statistics.curves import Settings
from workbench.statistics.direction_pairs import Directions

CONFIG = Config(
    out_of=("translate-en-fr", "translate-en-de"),
    into=("translate-fr-en", "translate-de-en"),
    examples=2,
    seeds=(0,),
    limit=4,
    max_new_tokens=4,
    batch_size=4,
    scores=("bleu", "log_probability"),
)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    model = load("mini")
    found = pd.concat([measure(CONFIG, cell, model) for cell in cells(CONFIG)], ignore_index=True)
    found.attrs["settings"] = {}
    return found


def test_both_directions_see_the_same_pairs(table):
    clean = table[table["from_layer"] == 8].set_index(["task", "prompt"])
    for out, into in zip(CONFIG.out_of, CONFIG.into, strict=True):
        there, back = clean.loc[out], clean.loc[into]
        assert list(there.index) == list(back.index)
        assert list(there["source"]) == list(back["reference"])
        assert list(there["reference"]) == list(back["source"])


def test_every_layer_of_every_direction(table):
    assert table.groupby(["task", "direction"])["from_layer"].agg(set).map(len).tolist() == [9] * 4
    assert not table.duplicated(["task", "seed", "from_layer", "prompt"]).any()


def test_pairs_are_compared(table):
    found = Directions.of(table, Settings(draws=50))
    assert found.scores == ["bleu", "log_probability"]
    assert [(pair.into, pair.out_of) for pair in found.by("bleu")] == list(zip(CONFIG.into, CONFIG.out_of, strict=True))
    assert all(pair.comparison.n == 4 for pair in found.pairs)


def test_a_direction_alone_is_refused(table):
    with pytest.raises(UserError, match="only the direction into"):
        Directions.of(table[table["direction"] == "into"], Settings(draws=50))


def test_the_figures(table):
    drawn = figures(table)
    assert {"layers", "differences", "layers.log_probability", "translate-en-fr.bleu"} <= set(drawn)
    marks = [trace for trace in drawn["layers"].data if trace.meta["role"] == "layer"]
    assert len(marks) == 4


def test_the_digest_follows_the_sentences():
    out, into = cells(CONFIG)[0], next(cell for cell in cells(CONFIG) if cell.task == "translate-fr-en")
    assert task_digest(CONFIG, into) != task_digest(CONFIG, replace(into, sentences=into.task))
    assert task_digest(CONFIG, out) != task_digest(CONFIG, into)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"into": ("translate-fr-en",)}, "2 tasks are given out of English and 1 into it"),
        ({"into": ("translate-fr-en", "translate-en-de")}, "names one value twice"),
        ({"into": ("translate-fr-en", "past-de-en")}, "'past-de-en' is of kind 'transform'"),
        ({"examples": 0}, "number of examples is 0"),
        ({"examples": 101}, "fewer than the 101"),
        ({"limit": 999}, "999 test prompts were asked for"),
    ],
)
def test_bad_settings_are_refused_before_a_model_is_loaded(change, message):
    with pytest.raises(UserError, match=message):
        cells(replace(CONFIG, **change))


@pytest.mark.real_data
def test_flores_into_and_out_of_english(real_data, tmp_path):
    config = Config(
        model=str(real_data / "stories260k"),
        out_of=("flores:eng_Latn-fra_Latn",),
        into=("flores:fra_Latn-eng_Latn",),
        examples=1,
        seeds=(0,),
        limit=2,
        data=real_data,
        max_new_tokens=3,
    )
    finished = run(translation_directions, config, tmp_path / "run", progress=False)
    table = finished.folder.table()
    assert set(table["prompt"]) == {"flores:eng_Latn-fra_Latn/test/0", "flores:eng_Latn-fra_Latn/test/1"}
    assert finished.page.summary
