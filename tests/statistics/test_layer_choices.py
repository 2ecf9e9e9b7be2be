from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.scoring import score_named
from workbench.statistics.layer_choices import (
    best_choices,
    main_score,
    overlap,
    rank_correlation,
    rises,
    score_by_choice,
    spearman,
    statistics_of,
)

SCORE = score_named("exact_match")


def rows(shares: dict[int, list[float]], column: str = "layer") -> pd.DataFrame:
    """A row for each layer and prompt, right (1) or wrong (0)."""
    return pd.DataFrame(
        [
            {column: layer, "prompt": f"p{number}", "exact_match": [right, 1.0]}
            for layer, of_layer in shares.items()
            for number, right in enumerate(of_layer)
        ]
    )


def graded(shares: list[float], prompts: int = 40, column: str = "layer") -> pd.DataFrame:
    return rows(
        {layer: [float(n < share * prompts) for n in range(prompts)] for layer, share in enumerate(shares)}, column
    )


def test_the_score_of_each_choice_with_its_interval():
    curve = score_by_choice(graded([0.0, 0.5, 1.0]), "layer", SCORE)
    assert curve["value"].tolist() == [0.0, 0.5, 1.0]
    assert curve["n"].tolist() == [40, 40, 40]
    assert curve["low"][0] == curve["high"][0] == 0.0
    # Of a share of one half the normal interval is 0.5 plus and minus 1.96 x 0.5 / sqrt(40).
    assert curve["low"][1] == pytest.approx(0.345, abs=0.03)
    assert curve["high"][1] == pytest.approx(0.655, abs=0.03)


def test_seeds_of_one_prompt_are_added():
    once = graded([0.25, 0.75])
    twice = pd.concat([once, once])
    first, second = (score_by_choice(table, "layer", SCORE) for table in (once, twice))
    assert first["value"].tolist() == second["value"].tolist()
    assert first["low"].tolist() == second["low"].tolist()
    assert second["n"].tolist() == [80, 80]


def test_choices_can_be_words():
    table = graded([0.0, 1.0]).assign(trained=lambda made: made["layer"].map({0: "none", 1: "all"}))
    curve = score_by_choice(table, "trained", SCORE)
    assert curve["trained"].tolist() == ["none", "all"]
    assert best_choices(curve, "trained", True) == ["all"]
    assert best_choices(curve, "trained", False) == ["none"]


def test_the_main_score_is_the_first():
    table = graded([1.0]).assign(bleu=None, log_probability=[[-1.0, 1.0]] * 40)
    assert main_score(table).name == "exact_match"


def test_spearman_with_ties_as_scipy():
    stats = pytest.importorskip("scipy.stats")
    generator = np.random.default_rng(0)
    first, second = (generator.integers(0, 5, size=(20, 12)).astype(float) for _ in range(2))
    expected = [stats.spearmanr(one, other).statistic for one, other in zip(first, second, strict=True)]
    np.testing.assert_allclose(spearman(first, second), expected, atol=1e-12)


def test_spearman_of_a_flat_curve_is_no_number():
    assert np.isnan(spearman(np.ones((1, 4)), np.arange(4.0)[None])).all()


def test_curves_that_fall_where_the_other_rises():
    falling, rising = graded([1.0, 0.8, 0.6, 0.2, 0.0]), graded([0.0, 0.2, 0.6, 0.9, 1.0], column="from_layer")
    found = rank_correlation(statistics_of(falling, "layer", SCORE), statistics_of(rising, "from_layer", SCORE), SCORE)
    assert found.value == -1.0
    assert found.low == pytest.approx(-1.0)
    assert found.high < -0.8
    assert found.layers == 5


def test_only_layers_that_both_have_are_compared():
    short, long = graded([1.0, 0.5, 0.0]), graded([0.0, 0.4, 0.8, 0.1, 0.2], column="from_layer")
    found = rank_correlation(statistics_of(short, "layer", SCORE), statistics_of(long, "from_layer", SCORE), SCORE)
    assert (found.layers, found.value) == (3, -1.0)


def test_curves_that_differ_by_noise_alone_have_a_wide_interval():
    generator = np.random.default_rng(0)
    noisy = [
        rows({layer: list((generator.random(30) < 0.5).astype(float)) for layer in range(8)}, column)
        for column in ("layer", "from_layer")
    ]
    found = rank_correlation(
        statistics_of(noisy[0], "layer", SCORE), statistics_of(noisy[1], "from_layer", SCORE), SCORE
    )
    assert found.low < 0 < found.high
    assert found.high - found.low > 0.8


def test_a_flat_curve_has_no_correlation():
    flat, rising = graded([0.5, 0.5, 0.5]), graded([0.0, 0.5, 1.0], column="from_layer")
    found = rank_correlation(statistics_of(flat, "layer", SCORE), statistics_of(rising, "from_layer", SCORE), SCORE)
    assert np.isnan(found.value)


# Of four layers, the masking curve rises at layers 1 and 2, by 0.3 and 0.6; hidden from layer 4 on means never.
HIDDEN = graded([0.0, 0.1, 0.4, 1.0, 1.0], column="from_layer")


def test_the_rise_at_a_layer_is_what_it_still_takes_from_the_context():
    found = rises(statistics_of(HIDDEN, "from_layer", SCORE), SCORE)
    assert found["layer"].tolist() == [0, 1, 2, 3]
    assert found["value"].tolist() == pytest.approx([0.1, 0.3, 0.6, 0.0])
    assert (found["low"] > 0).tolist() == [True, True, True, False]
    assert (found["low"] <= found["value"]).all()


def test_layers_whose_removal_costs_most_where_the_curve_rises_most():
    hidden = statistics_of(HIDDEN, "from_layer", SCORE)
    within = overlap(statistics_of(graded([0.8, 0.5, 0.1, 0.9]), "layer", SCORE), hidden, SCORE)
    assert (within.value, within.layers) == (1.0, 4)
    assert within.low <= within.high == pytest.approx(1.0)
    outside = overlap(statistics_of(graded([0.3, 0.8, 0.9, 0.1]), "layer", SCORE), hidden, SCORE)
    assert outside.value == -1.0
    assert np.isnan(overlap(statistics_of(graded([1.0] * 4), "layer", SCORE), hidden, SCORE).value)


def test_layers_that_were_not_removed_are_left_out_of_the_overlap():
    some = graded([0.8, 0.5, 0.1, 0.9]).query("layer != 2")
    found = overlap(statistics_of(some, "layer", SCORE), statistics_of(HIDDEN, "from_layer", SCORE), SCORE)
    assert (found.value, found.layers) == (1.0, 3)
