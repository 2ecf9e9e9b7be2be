from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.errors import UserError
from workbench.learning.presets import training_named
from workbench.lora.settings import PRESETS, with_official_defects


def test_the_published_settings():
    described = {name: (t.rank, t.alpha, t.dropout, t.threshold, t.patience, t.epochs) for name, t in PRESETS.items()}
    assert described["v1"] == (32, 32, 0.1, 0.001, 5, 50)
    assert described["neurips"] == (8, 32, 0.05, 0.01, 5, 50)
    assert described["code"] == described["neurips"]
    assert [PRESETS[name].evaluate_every for name in ("v1", "neurips", "code")] == [None, None, 100]


@pytest.mark.parametrize("name", PRESETS)
def test_no_preset_has_the_official_defects(name):
    assert PRESETS[name].loss == "target"
    # The one for the embedded model is short on purpose, and evaluates after every epoch.
    assert PRESETS[name].epochs > 3 or (name == "mini" and PRESETS[name].evaluate_every is None)


def test_the_official_defects_make_75_steps_without_an_evaluation():
    training = with_official_defects(PRESETS["code"])
    assert (training.epochs, training.loss) == (3, "sequence")
    steps = training.training_items // training.training_batch * training.epochs
    assert steps == 75
    assert steps < (training.evaluate_every or 0)
    assert replace(training, epochs=50, loss="target") == PRESETS["code"]


def test_changes_that_are_none_change_nothing():
    assert training_named(PRESETS, "v1", {"rank": None, "epochs": 7}) == replace(PRESETS["v1"], epochs=7)


@pytest.mark.parametrize(
    ("preset", "change", "message"),
    [
        ("v2", {}, "Unknown preset 'v2'; there are mini, v1, neurips, code"),
        ("v1", {"rank": 0}, "rank of the training is 0"),
        ("v1", {"learning_rate": -1.0}, "learning rate of the training is -1.0"),
        ("v1", {"dropout": 1.0}, "dropout is 1.0; give at least 0"),
        ("v1", {"threshold": -0.1}, "threshold is -0.1"),
    ],
)
def test_what_cannot_be_trained_with(preset, change, message):
    with pytest.raises(UserError, match=message):
        training_named(PRESETS, preset, change)
