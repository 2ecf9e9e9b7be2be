from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.errors import UserError
from workbench.scoring import Scored, score_named
from workbench.statistics.curves import CURVE_COLUMNS, RECOGNITION_COLUMNS, Settings, summarise

N_LAYERS = 5
KEYS = {
    "model": "mini",
    "n_layers": N_LAYERS,
    "task": "translate-en-fr",
    "kind": "translate",
    "format": "instr_none_QA",
}
QUICK = Settings(draws=200)


def measured(
    shares: list[float],
    *,
    prompts: int = 40,
    seed: int = 0,
    mask: str = "TTF",
    examples: int = 5,
    **keys: object,
) -> pd.DataFrame:
    """Exact match with the given share of prompts right at each layer, and a divergence that falls."""
    rng = np.random.default_rng([seed, 17])
    easiness = rng.permutation(prompts)
    rows = [
        {
            **{**KEYS, **keys, "n_layers": len(shares) - 1},
            **{
                "examples": examples,
                "seed": seed,
                "mask": mask,
                "from_layer": layer,
                "prompt": f"item-{prompt:03}",
            },
            "exact_match": [float(easiness[prompt] < share * prompts), 1.0],
            "divergence": [(1 - share) * (3 + easiness[prompt] / prompts), 1.0],
        }
        for layer, share in enumerate(shares)
        for prompt in range(prompts)
    ]
    return pd.DataFrame(rows)


STEP = [0.0, 0.1, 0.1, 0.95, 0.95, 0.95]


def one(table: pd.DataFrame, **values: object) -> pd.Series:
    """The only row with those values."""
    rows = table[np.logical_and.reduce([table[name] == value for name, value in values.items()])]
    assert len(rows) == 1
    return rows.iloc[0]


def test_columns_types_and_rows() -> None:
    table = pd.concat([measured(STEP, seed=seed, mask=mask) for seed in (0, 1, 2) for mask in ("TTF", "FTF")])
    curves, recognition = summarise(table, QUICK)
    assert list(curves.columns) == CURVE_COLUMNS
    assert list(recognition.columns) == RECOGNITION_COLUMNS
    assert len(recognition) == 2 * 2 * 4
    assert len(curves) == 2 * 2 * 4 * (N_LAYERS + 1)
    assert set(curves["seed"]) == {"0", "1", "2", "all"}
    assert set(curves["score"]) == {"exact_match", "divergence"}
    assert {str(recognition[name].dtype) for name in ("layer", "low", "high", "steepest")} == {"Int64"}
    assert set(recognition["n"]) == {40, 120}


def test_values_are_the_scores_of_the_rows() -> None:
    curves, recognition = summarise(measured(STEP), QUICK)
    exact = curves[(curves["score"] == "exact_match") & (curves["seed"] == "all")]
    assert exact["value"].tolist() == pytest.approx(STEP)
    assert exact["from_layer"].tolist() == list(range(N_LAYERS + 1))
    assert (exact["low"] <= exact["value"]).all()
    assert (exact["value"] <= exact["high"]).all()
    assert exact["high"].iloc[1] - exact["low"].iloc[1] == pytest.approx(2 * 1.96 * np.sqrt(0.09 / 40), rel=0.2)
    row = one(recognition, score="exact_match", seed="all")
    assert (row["layer"], row["steepest"], row["floor"], row["ceiling"], row["reason"]) == (3, 3, 0, 0.95, "")
    assert row["threshold"] == pytest.approx(0.9025)
    assert row["plateau"] == pytest.approx(0.95)


def test_lower_is_better_scores_are_recognised_too() -> None:
    row = one(summarise(measured(STEP), QUICK).recognition, score="divergence", seed="0")
    assert row["layer"] == 3
    assert row["floor"] > row["threshold"] > row["ceiling"] > 0


def test_one_seed_and_all_agree_to_the_last_digit() -> None:
    curves, recognition = summarise(measured(STEP), QUICK)
    for table in (curves, recognition):
        single = table[table["seed"] == "0"].drop(columns="seed").reset_index(drop=True)
        pooled = table[table["seed"] == "all"].drop(columns="seed").reset_index(drop=True)
        pd.testing.assert_frame_equal(single, pooled, check_exact=True)


def test_the_ceiling_has_one_interval_under_every_mask() -> None:
    table = pd.concat([measured(STEP, mask="TTF"), measured([0, 0, 0.5, 0.8, 0.9, 0.95], mask="FTF")])
    ceilings = summarise(table, QUICK).curves.query("from_layer == @N_LAYERS and seed == 'all'")
    assert ceilings.groupby("score")[["value", "low", "high"]].nunique().eq(1).all(axis=None)
    assert (ceilings["high"] > ceilings["low"]).all()


def test_pooled_seeds_resample_items_jointly() -> None:
    """Three seeds in which the same items fail are no more evidence than one."""
    once = measured(STEP)
    copies = pd.concat([once.assign(seed=seed) for seed in (0, 1, 2)])
    curves = summarise(copies, QUICK).curves.query("score == 'exact_match'")
    wide = {seed: rows["high"].to_numpy() - rows["low"].to_numpy() for seed, rows in curves.groupby("seed")}
    assert wide["all"] == pytest.approx(wide["0"])
    apart = pd.concat([once.assign(seed=seed, prompt=once["prompt"] + f"-{seed}") for seed in (0, 1, 2)])
    curves = summarise(apart, QUICK).curves.query("score == 'exact_match' and seed == 'all'")
    narrow = curves["high"].to_numpy() - curves["low"].to_numpy()
    assert narrow[1] == pytest.approx(wide["0"][1] / np.sqrt(3), rel=0.25)


def test_prompts_are_resampled_jointly_over_layers() -> None:
    """The same prompts fail at every late layer, so their distance to the ceiling is sure."""
    joint = measured([0, 0, 0, 0.7, 0.7, 0.7], prompts=200)
    row = one(summarise(joint, QUICK).recognition, score="exact_match", seed="all")
    assert (row["layer"], row["low"], row["high"]) == (3, 3, 3)
    shuffled = joint.copy()
    late = shuffled["from_layer"].isin([3, 4])
    rng = np.random.default_rng(5)
    shuffled.loc[late, "exact_match"] = (
        shuffled[late]
        .groupby("from_layer")["exact_match"]
        .transform(lambda values: pd.Series(rng.permutation(values.to_numpy()), index=values.index))
    )
    row = one(summarise(shuffled, QUICK).recognition, score="exact_match", seed="all")
    assert row["layer"] == 3
    assert row["high"] > 3


def test_corpus_bleu_is_resampled_from_counts(tmp_path: Path) -> None:
    """Corpus BLEU of each layer, not the mean of sentence scores; also after a round trip through parquet."""
    score = score_named("bleu")
    texts = [
        ("le chat dort sur le canapé rouge", "le chat dort sur le canapé"),
        ("un chien", "le petit chien court vite"),
    ]
    rows = [
        {
            **KEYS,
            "n_layers": 1,
            "examples": 1,
            "seed": 0,
            "mask": "TTF",
            "from_layer": layer,
            "prompt": str(index),
        }
        | {"bleu": score.statistics(Scored(completion if layer else "", reference))}
        for layer in (0, 1)
        for index, (completion, reference) in enumerate(texts)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "measurements.parquet")
    curves = summarise(pd.read_parquet(tmp_path / "measurements.parquet"), QUICK).curves
    expected = score.aggregate(np.array([row["bleu"] for row in rows[2:]]).sum(0))
    assert curves.query("seed == 'all' and from_layer == 1")["value"].item() == expected
    assert curves.query("seed == 'all' and from_layer == 0")["value"].item() == 0


def test_the_same_table_gives_the_same_numbers_in_any_row_order() -> None:
    table = pd.concat([measured(STEP, seed=seed) for seed in (0, 1)])
    again = table.sample(frac=1, random_state=3)
    for left, right in zip(summarise(table, QUICK), summarise(again, QUICK), strict=True):
        keys = ["score", "seed", "from_layer"] if "from_layer" in left else ["score", "seed"]
        pd.testing.assert_frame_equal(
            left.sort_values(keys).reset_index(drop=True), right.sort_values(keys).reset_index(drop=True)
        )


def test_another_task_does_not_shift_the_draws() -> None:
    alone = summarise(measured(STEP), QUICK).curves
    more = pd.concat([measured(STEP, task="a-first-task"), measured(STEP)])
    beside = summarise(more, QUICK).curves.query("task == 'translate-en-fr'").reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, beside)


def test_tasks_and_scores_have_draws_of_their_own() -> None:
    """The same answers under other names: equal values, other bands."""
    table = pd.concat([measured(STEP, task="other"), measured(STEP)]).drop(columns="exact_match")
    table["agreement"] = table["divergence"]
    of_all = summarise(table, QUICK).curves.query("seed == 'all'")
    curves = [rows[["value", "low", "high"]] for _, rows in of_all.groupby(["task", "score"])]
    assert len(curves) == 4
    assert len({tuple(rows["value"]) for rows in curves}) == 1
    assert len({tuple(rows[["low", "high"]].to_numpy().ravel()) for rows in curves}) == 4


def test_another_bootstrap_seed_moves_the_band_only() -> None:
    one_seed, other = (
        summarise(measured(STEP), QUICK).curves,
        summarise(measured(STEP), Settings(200, seed=1)).curves,
    )
    assert (one_seed["value"] == other["value"]).all()
    assert (one_seed["low"] != other["low"]).any()


def test_models_of_different_depth_stand_side_by_side() -> None:
    table = pd.concat([measured(STEP), measured([0, 0.9, 0.95], model="small")])
    recognition = summarise(table, QUICK).recognition.query("score == 'exact_match' and seed == 'all'")
    assert dict(zip(recognition["model"], recognition["n_layers"], strict=True)) == {"mini": 5, "small": 2}


def test_none_is_missing_with_a_reason() -> None:
    without = measured(STEP, examples=0)
    flat = measured([0.2] * 6, task="flat")
    recognition = summarise(pd.concat([without, flat]), QUICK).recognition.query("score == 'exact_match'")
    assert recognition["layer"].isna().all()
    assert recognition["low"].isna().all()
    assert set(recognition.query("examples == 0")["reason"]) == {"the prompt has no examples"}
    assert recognition.query("task == 'flat'")["reason"].str.contains("the same with and without").all()


def test_the_fraction_of_the_ceiling_is_used_only_with_a_true_zero() -> None:
    settings = Settings(draws=200, relative_to="ceiling", fraction=0.9)
    recognition = summarise(measured([0.4, 0.4, 0.4, 0.9, 0.95, 0.95]), settings).recognition
    assert one(recognition, score="exact_match", seed="all")["threshold"] == pytest.approx(0.9 * 0.95)
    row = one(recognition, score="divergence", seed="all")
    assert row["threshold"] == pytest.approx(0.1 * row["floor"] + 0.9 * row["ceiling"])


def test_scores_that_a_task_lacks_are_left_out() -> None:
    table = pd.concat([measured(STEP), measured(STEP, task="other").assign(divergence=None)])
    recognition = summarise(table, QUICK).recognition
    assert set(recognition.query("task == 'other'")["score"]) == {"exact_match"}
    assert set(recognition.query("task != 'other'")["score"]) == {"exact_match", "divergence"}


def test_an_empty_table_gives_empty_tables() -> None:
    curves, recognition = summarise(measured(STEP).iloc[:0], QUICK)
    assert len(curves) == len(recognition) == 0
    assert list(curves.columns) == CURVE_COLUMNS
    assert list(recognition.columns) == RECOGNITION_COLUMNS


def test_missing_columns_are_named() -> None:
    with pytest.raises(UserError, match="lack the columns mask, prompt"):
        summarise(measured(STEP).drop(columns=["mask", "prompt"]), QUICK)


@pytest.mark.parametrize("damage", ["lost", "twice", "renamed", "no value"])
def test_prompts_that_differ_between_layers_are_refused(damage: str) -> None:
    table = measured(STEP)
    if damage == "lost":
        table = table.iloc[1:]
    elif damage == "twice":
        table = pd.concat([table, table.iloc[:1]])
    elif damage == "renamed":
        table.loc[0, "prompt"] = "another"
    else:
        table.at[0, "exact_match"] = None
    with pytest.raises(UserError, match=r"mini, translate-en-fr, TTF, 0 needs the same prompts once at every layer"):
        summarise(table, QUICK)


def test_seeds_with_different_layers_are_refused() -> None:
    table = pd.concat([measured(STEP), measured(STEP, seed=1).query("from_layer != 2")])
    with pytest.raises(UserError, match="must have the same layers"):
        summarise(table, QUICK)


@pytest.mark.parametrize("layer", [-1, N_LAYERS + 1])
def test_a_layer_out_of_range_is_refused(layer: int) -> None:
    table = measured(STEP)
    table.loc[table["from_layer"] == 1, "from_layer"] = layer
    with pytest.raises(UserError, match=rf"0 to n_layers=5. Got {layer} \(mini\)"):
        summarise(table, QUICK)


@pytest.mark.parametrize(("lost", "range_"), [(0, "1 to 5"), (N_LAYERS, "0 to 4")])
def test_a_curve_without_floor_or_ceiling_is_refused(lost: int, range_: str) -> None:
    with pytest.raises(UserError, match=rf"needs from_layer 0 .* and 5 .*Got {range_}"):
        summarise(measured(STEP).query("from_layer != @lost"), QUICK)


def test_a_whole_run_takes_seconds() -> None:
    """3 tasks x 2 masks x 9 layers x 100 prompts x 3 seeds, 4 scores, 1000 draws."""
    tables = [
        measured([0, 0, 0.1, 0.2, 0.8, 0.9, 0.9, 0.9, 0.9], prompts=100, seed=seed, mask=mask, task=task)
        for task in ("a", "b", "c")
        for mask in ("TTF", "FTF")
        for seed in (0, 1, 2)
    ]
    table = pd.concat(tables, ignore_index=True)
    counts = np.random.default_rng(0).integers(1, 9, (len(table), 24)).astype(float)
    table["bleu"], table["chrf"] = list(counts[:, :10]), list(counts)
    start = time.process_time()
    recognition = summarise(table).recognition
    assert time.process_time() - start < 5
    assert len(recognition) == 3 * 2 * 4 * 4
