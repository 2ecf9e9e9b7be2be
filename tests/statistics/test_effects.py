"""Effects against the clean run: the numbers, their intervals, and a test that holds its level."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.errors import UserError
from workbench.statistics import effects as module
from workbench.statistics.effects import effects

SERIES = {"model": "m", "n_layers": 2, "task": "t", "kind": "k", "format": "f", "examples": 2, "seed": 0}


def table(values: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row per prompt and condition, each with a log-probability of one token."""
    return pd.DataFrame(
        {**SERIES, "condition": name, "layer": place, "prompt": f"p{number}", "log_probability": [float(value), 1.0]}
        for place, (name, numbers) in enumerate(values.items(), start=-1)
        for number, value in enumerate(numbers)
    )


def test_an_effect_is_the_difference_of_the_scores():
    rng = np.random.default_rng(0)
    clean = rng.normal(size=40)
    found = effects(table({"clean": clean, "a": clean - 1.0, "b": clean}), ["layer"]).set_index("condition")
    assert found.loc["a", "effect"] == pytest.approx(-1.0)
    assert found.loc["a", "clean"] == pytest.approx(clean.mean())
    # Every prompt loses the same, so the interval of the paired difference is a point, however noisy the score.
    assert found.loc["a", "low"] == pytest.approx(-1.0)
    assert found.loc["a", "high"] == pytest.approx(-1.0)
    assert found.loc["a", "p"] < 0.01
    assert found.loc["b", "p"] == pytest.approx(1.0)
    assert list(found["layer"]) == [0, 1]
    assert set(found["n"]) == {40}


def test_seeds_of_one_item_are_drawn_together():
    rng = np.random.default_rng(1)
    clean = rng.normal(size=30)
    once = table({"clean": clean, "a": clean + rng.normal(size=30)})
    twice = pd.concat([once, once.assign(seed=1)])
    first, second = effects(once), effects(twice)
    assert second["n"].iloc[0] == 60
    for end in ("effect", "low", "high"):
        # The same 30 items: a second seed that says the same makes nothing more certain.
        assert second[end].iloc[0] == pytest.approx(first[end].iloc[0])


def test_a_noisy_condition_hides_no_other():
    rng = np.random.default_rng(2)
    clean = np.zeros(60)
    found = effects(table({"clean": clean, "noisy": 50 * rng.normal(size=60), "small": clean - 0.1}))
    assert found.set_index("condition").loc["small", "p"] < 0.01


def test_the_test_holds_its_level_over_many_conditions(monkeypatch):
    """Of 100 families of 10 conditions without effect, about 5 % may hold one that seems to have one."""
    monkeypatch.setattr(module, "DRAWS", 300)
    rng = np.random.default_rng(3)
    false = 0
    for _ in range(100):
        clean = rng.normal(size=20)
        found = effects(table({"clean": clean, **{f"c{n}": clean + rng.normal(size=20) for n in range(10)}}))
        false += bool((found["p"] < 0.05).any())
    # Three standard deviations above 5.
    assert false <= 11


def test_missing_runs_are_refused():
    clean = np.zeros(4)
    with pytest.raises(UserError, match="no clean run"):
        effects(table({"a": clean}))
    with pytest.raises(UserError, match="other prompts"):
        effects(table({"clean": clean, "a": clean[:3]}))
