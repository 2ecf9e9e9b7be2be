"""The share that a patch brings back: planted values, intervals, and corruptions that do nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.errors import UserError
from workbench.statistics.recovery import SERIES, recovered

FIELDS = dict.fromkeys(SERIES, "x") | {"n_layers": 2, "examples": 2}


def table(clean, corrupted, patches: dict[str, list[float]], seeds=(0,)) -> pd.DataFrame:
    """One row for each prompt, seed and run; patches by their place."""
    runs = {("clean", "none"): clean, ("corrupted", "none"): corrupted}
    runs |= {("residual", place): values for place, values in patches.items()}
    return pd.DataFrame(
        {
            **FIELDS,
            "seed": seed,
            "prompt": f"p{number}",
            "part": part,
            "place": place,
            "layer": -1 if place == "none" else 0,
            "head": -1,
            "log_probability": float(value),
        }
        for (part, place), values in runs.items()
        for seed in seeds
        for number, value in enumerate(values)
    )


def test_planted_shares():
    generator = np.random.default_rng(0)
    clean, corrupted = -generator.random(30), -5 - generator.random(30)
    patches = {
        "nothing": corrupted,
        "half": (clean + corrupted) / 2,
        "everything": clean,
        "worse": 1.5 * corrupted - 0.5 * clean,
    }
    found = recovered(table(clean, corrupted, patches)).set_index("place")
    assert found["value"].to_dict() == pytest.approx({"nothing": 0, "half": 0.5, "everything": 1, "worse": -0.5})
    # Every prompt has the same share, so resampling changes nothing.
    assert found["low"].tolist() == pytest.approx(found["value"].tolist())
    assert found["clean"].iloc[0] == pytest.approx(clean.mean())
    assert set(found["n"]) == {30}


def test_prompts_on_which_the_corruption_does_little_count_little():
    found = recovered(table([0.0, 0.0], [-9.0, -1.0], {"a": [-9.0, 0.0]}))
    assert found["value"].iloc[0] == pytest.approx(0.1)


def test_the_interval_is_wide_where_prompts_differ():
    generator = np.random.default_rng(1)
    clean, corrupted = np.zeros(40), np.full(40, -4.0)
    found = recovered(table(clean, corrupted, {"mixed": corrupted * (generator.random(40) < 0.5)})).iloc[0]
    assert found["low"] < found["value"] < found["high"]
    assert 0.1 < found["high"] - found["low"] < 0.6


def test_seeds_of_one_item_are_drawn_together():
    generator = np.random.default_rng(2)
    clean, corrupted = np.zeros(20), -4.0 - generator.random(20)
    patches = {"a": -generator.random(20)}
    once = recovered(table(clean, corrupted, patches)).iloc[0]
    twice = recovered(table(clean, corrupted, patches, seeds=(0, 1))).iloc[0]
    assert twice["n"] == 40
    for end in ("value", "low", "high", "clean", "gap_low"):
        assert once[end] == pytest.approx(twice[end])


def test_a_corruption_that_does_nothing_has_no_share():
    generator = np.random.default_rng(3)
    clean = -generator.random(30)
    found = recovered(table(clean, clean + generator.normal(size=30), {"a": clean}))
    assert found[["value", "low", "high"]].isna().all(axis=None)


def test_a_patch_on_other_prompts_is_refused():
    rows = table([0.0, 0.0], [-1.0, -1.0], {"a": [0.0]})
    with pytest.raises(UserError, match="other prompts"):
        recovered(rows)
