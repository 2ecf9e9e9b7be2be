from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.statistics.layer_means import layer_means

KEYS = ["model", "task", "layer"]


def table(values, seeds=(0,)):
    return pd.DataFrame(
        {"model": "m", "task": "t", "layer": layer, "prompt": f"p{n}", "seed": seed, "a": value, "b": np.nan}
        for seed in seeds
        for layer, row in enumerate(values)
        for n, value in enumerate(row)
    )


def test_means_with_intervals_and_counts():
    values = np.random.default_rng(0).normal(size=(3, 40)) + np.arange(3)[:, None]
    found = layer_means(table(values), KEYS, ["a", "b"])
    assert set(found["quantity"]) == {"a"}, "what is missing throughout is left out"
    np.testing.assert_allclose(found["value"], values.mean(1))
    assert (found["n"] == 40).all()
    error = values.std(1) / np.sqrt(40)
    np.testing.assert_allclose(found["high"] - found["low"], 2 * 1.96 * error, rtol=0.15)


def test_prompts_are_drawn_together_for_all_layers():
    row = np.random.default_rng(1).normal(size=25)
    found = layer_means(table([row, row + 1]), KEYS, ["a"])
    np.testing.assert_allclose(np.diff(found["low"]), 1)
    np.testing.assert_allclose(np.diff(found["high"]), 1)


def test_a_prompt_of_several_seeds_is_one_prompt():
    row = np.random.default_rng(2).normal(size=25)
    one, two = (layer_means(table([row], seeds), KEYS, ["a"]).iloc[0] for seeds in ((0,), (0, 1)))
    assert two["n"] == 2 * one["n"]
    np.testing.assert_allclose([one["low"], one["high"]], [two["low"], two["high"]])


def test_missing_values_count_where_they_are():
    rows = table([[1.0, 3.0], [5.0, 7.0]])
    rows.loc[(rows["layer"] == 1) & (rows["prompt"] == "p0"), "a"] = np.nan
    found = layer_means(rows, KEYS, ["a"])
    assert found["value"].tolist() == [2.0, 7.0]
    assert found["n"].tolist() == [2, 1]


def test_another_task_shifts_no_draws():
    values = np.random.default_rng(3).normal(size=(2, 20))
    alone = layer_means(table(values), KEYS, ["a"])
    both = layer_means(pd.concat([table(values).assign(task="other"), table(values)]), KEYS, ["a"])
    pd.testing.assert_frame_equal(alone, both[both["task"] == "t"].reset_index(drop=True))
