"""Induction scores as an analysis: rows, settings refused, the report."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from analyses import induction_scores
from analyses.induction_scores import Config, cells, measure
from workbench.errors import UserError
from workbench.models.load import load
from workbench.runs.runner import run


@pytest.fixture(scope="module")
def config(tiny_checkpoint) -> Config:
    return Config(model=str(tiny_checkpoint("gpt2")), length=5, repeats=3, sequences=5, batch_size=2)


def test_a_sequence_is_the_same_in_every_batch(config):
    model = load(config.model)
    tables = []
    for size in (2, 5):
        chosen = replace(config, batch_size=size)
        tables.append(pd.concat([measure(chosen, cell, model) for cell in cells(chosen)], ignore_index=True))
    assert len(tables[0]) == 5 * 16
    for score in ("prefix_matching", "copying"):
        assert tables[0][score].tolist() == pytest.approx(tables[1][score].tolist(), abs=1e-5)
        assert tables[0][score].between(0, 1).all()


def test_a_run_draws_its_report(config, tmp_path):
    finished = run(induction_scores, config, tmp_path, progress=False)
    (picture,) = finished.page.pictures
    assert [trace.meta["panel"] for trace in picture.figure.data] == ["prefix matching", "copying"]
    assert "highest prefix matching" in finished.page.summary[0]
    profile = induction_scores.layer_profile(finished.folder.table())
    assert list(profile["layer"]) == [0, 1, 2, 3]
    best = finished.folder.table().groupby(["layer", "head"])["prefix_matching"].mean().groupby("layer").max()
    assert profile["value"].tolist() == pytest.approx(best.tolist())


def test_settings_that_make_no_sequence_are_refused(config):
    for change, message in (({"length": 1}, "length is 1"), ({"repeats": 1}, "repeats is 1"), ({"sequences": 0}, "0")):
        with pytest.raises(UserError, match=message):
            cells(replace(config, **change))
