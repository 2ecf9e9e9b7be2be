from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.statistics.recognition import Recognition, recognise
from workbench.statistics.resampling import resampling_weights

CURVES = st.lists(st.integers(0, 100), min_size=2, max_size=14).map(lambda values: np.array(values) / 100)


def layers_of(curve: np.ndarray) -> np.ndarray:
    return np.arange(len(curve))


def rule(values: list[float], **settings: object) -> Recognition:
    curve = np.array(values, dtype=float)
    return recognise(layers_of(curve), curve, **settings)  # type: ignore[arg-type]


def resampled(answers: np.ndarray, draws: int = 400, **settings: object) -> Recognition:
    """The recognition of a table of right and wrong answers, prompts x layers, with bootstrap replicates."""
    weights = resampling_weights(len(answers), draws, np.random.default_rng(0)) / len(answers)
    curve = answers.mean(0)
    return recognise(layers_of(curve), curve, weights @ answers, prompts=len(answers), **settings)  # type: ignore[arg-type]


def answers(shares: list[float], prompts: int) -> np.ndarray:
    """The first share of the prompts is right at each layer: easy prompts stay easy."""
    return (np.arange(prompts)[:, None] < np.array(shares) * prompts).astype(float)


# The rule


def test_a_clean_step() -> None:
    found = rule([0, 0, 0, 1, 1, 1])
    assert found.layer == 3
    assert found.steepest == 3
    assert found.plateau == 1
    assert (found.floor, found.ceiling, found.threshold, found.fraction) == (0, 1, 0.95, 0.95)
    assert (found.low, found.high, found.reason) == (None, None, "")


def test_a_dip_moves_the_layer_behind_it() -> None:
    assert rule([0, 0.2, 1, 1, 0.9, 1, 1]).layer == 5
    assert rule([0, 0.2, 1, 1, 0.95, 1, 1]).layer == 2


def test_the_floor_counts() -> None:
    """From .5 to 1 the threshold is .975, not .95."""
    assert rule([0.5, 0.96, 0.98, 1]).layer == 2
    assert rule([0.5, 0.96, 0.98, 1]).threshold == pytest.approx(0.975)
    assert rule([0.5, 0.96, 0.98, 1], relative_to="ceiling").layer == 1
    assert rule([0.5, 0.96, 0.98, 1], relative_to="ceiling").threshold == pytest.approx(0.95)


def test_exactly_at_the_threshold_is_enough() -> None:
    """.05 x .25 + .95 x .85 is .82, in floating point a little more."""
    assert rule([0.25, 0.3, 0.82, 0.82, 0.85]).layer == 2
    assert rule([0.05, 0.3, 0.905, 0.905, 0.95]).layer == 2
    assert rule([0.1, 0.3, 0.67, 0.7], fraction=0.95).layer == 2


def test_the_fraction_is_a_setting() -> None:
    curve = [0, 0.3, 0.6, 0.85, 0.97, 1]
    assert [rule(curve, fraction=fraction).layer for fraction in (0.3, 0.5, 0.8, 0.95)] == [1, 2, 3, 4]


def test_only_the_ceiling_reaches_it() -> None:
    found = rule([0, 0.1, 0.6, 0.9, 1])
    assert found.layer is None
    assert found.reason == "no layer from which on the score stays at or beyond the threshold 0.95"
    assert math.isnan(found.plateau)
    assert found.steepest == 2


def test_above_the_ceiling_is_no_failure() -> None:
    """Masking may help: the published curves end above their ceiling."""
    assert rule([0, 0.5, 1.2, 1.1, 1]).layer == 2


def test_plateau_leaves_the_ceiling_out() -> None:
    assert rule([0, 0, 0.96, 0.98, 1]).plateau == pytest.approx(0.97)


@pytest.mark.parametrize("values", [[0.3, 0.3, 0.3], [1, 0.5, 0.2], [0.0, 1.0, 0.0]])
def test_no_rise_is_none(values: list[float]) -> None:
    found = rule(values)
    assert found.layer is None
    assert found.reason == "the ceiling is not beyond the floor"


def test_no_examples_is_none() -> None:
    assert rule([0, 0, 1, 1], examples=0).reason == "the prompt has no examples"
    assert rule([0, 0, 1, 1], examples=0).layer is None
    assert rule([0, 0, 1, 1], examples=1).layer == 2


def test_an_undefined_score_is_none() -> None:
    assert "not a finite number" in rule([0, math.nan, 1, 1]).reason
    assert "not a finite number" in rule([-math.inf, 0, 1, 1]).reason


def test_lower_is_better() -> None:
    """A divergence falls to 0 where nothing is masked any more."""
    found = rule([4, 4, 1, 0.15, 0.1, 0], higher_is_better=False, true_zero=False)
    assert found.layer == 3
    assert found.threshold == pytest.approx(0.2)
    assert found.steepest == 2
    assert (found.floor, found.ceiling) == (4, 0)
    assert found.plateau == pytest.approx(0.125)


def test_layers_may_be_missing() -> None:
    """An adaptive sweep, or points read off a figure: the smallest layer among those given."""
    found = recognise(np.array([0, 4, 8, 9, 12]), np.array([0.0, 0.5, 0.96, 0.99, 1.0]))
    assert found.layer == 8
    assert found.steepest == 9


def test_steepest_of_a_falling_curve_is_none() -> None:
    assert rule([1, 0.5, 0.2]).steepest is None


@pytest.mark.parametrize("fraction", [0.0, -1.0, 1.01])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(UserError, match=f"above 0 and at most 1. Got {fraction}"):
        rule([0, 1, 1], fraction=fraction)


def test_a_fraction_of_the_ceiling_needs_a_true_zero() -> None:
    with pytest.raises(UserError, match="without a true zero; use 'rise'"):
        rule([-9, -1, -1], relative_to="ceiling", true_zero=False)


@pytest.mark.parametrize("layers", [[0], [0, 0], [1, 0]])
def test_layers_must_rise(layers: list[int]) -> None:
    with pytest.raises(UserError, match="must rise and be at least two"):
        recognise(np.array(layers), np.ones(len(layers)))


@given(CURVES)
def test_the_rule_as_it_is_written(curve: np.ndarray) -> None:
    """Against the sentence of the docstring, word for word."""
    assume(curve[-1] > curve[0])
    threshold = curve[0] + 0.95 * (curve[-1] - curve[0]) - 1e-12
    lasting = [
        layer for layer in range(len(curve) - 1) if all(curve[later] >= threshold for later in range(layer, len(curve)))
    ]
    assert recognise(layers_of(curve), curve).layer == (min(lasting) if lasting else None)


@given(CURVES, st.sampled_from([0.25, 0.5, 2.0, 8.0]), st.integers(-4, 4))
def test_units_do_not_matter(curve: np.ndarray, scale: float, shift: int) -> None:
    moved = recognise(layers_of(curve), curve * scale + shift)
    assert moved.layer == recognise(layers_of(curve), curve).layer


@given(CURVES)
def test_mirrored_scores_give_the_same_layers(curve: np.ndarray) -> None:
    upright = recognise(layers_of(curve), curve)
    mirrored = recognise(layers_of(curve), -curve, higher_is_better=False)
    assert (mirrored.layer, mirrored.steepest, mirrored.reason[:9]) == (
        upright.layer,
        upright.steepest,
        upright.reason[:9],
    )
    assert mirrored.threshold == pytest.approx(-upright.threshold)


# The interval


def test_a_sure_step_has_a_sure_layer() -> None:
    found = resampled(answers([0, 0, 0, 0.97, 0.97, 0.97, 0.97], 200))
    assert (found.layer, found.low, found.high) == (3, 3, 3)


def test_few_prompts_cannot_tell_95_percent_from_less() -> None:
    """Without one failure in 50, a rate of 7 % is still possible: "none" stays in the interval."""
    few, many = resampled(answers([0, 0, 1, 1, 1], 50)), resampled(answers([0, 0, 1, 1, 1], 80))
    assert (few.layer, few.low, few.high) == (2, 2, 4)
    assert (many.layer, many.low, many.high) == (2, 2, 2)


def test_a_single_prompt_says_nothing() -> None:
    found = resampled(answers([0, 0, 1, 1, 1], 1))
    assert (found.layer, found.low, found.high) == (2, 1, 4)


def test_a_layer_near_the_threshold_is_in_the_interval() -> None:
    """.91 fails the rule (the threshold is .9215), but by one prompt in 100: not clearly."""
    found = resampled(answers([0, 0.1, 0.91, 0.97, 0.97, 0.97], 100))
    assert found.layer == 3
    assert found.low == 2
    assert found.high is not None
    assert found.high >= 3


def test_a_long_way_below_is_not_in_the_interval() -> None:
    found = resampled(answers([0, 0.5, 0.6, 0.97, 0.97, 0.97], 100))
    assert found.low == 3


def test_the_interval_holds_the_layer_behind_a_noisy_dip() -> None:
    table = answers([0, 0, 0.98, 0.98, 0.98, 0.98, 0.98, 0.98], 100)
    table[:6, 5] = 0  # other prompts than those that always fail: .92 at layer 5
    found = resampled(table)
    assert found.layer == 6
    assert found.low == 2
    assert found.high == 6


def test_none_has_an_interval_that_ends_at_the_ceiling() -> None:
    found = resampled(answers([0, 0.3, 0.6, 0.8, 1], 100))
    assert found.layer is None
    assert (found.low, found.high) == (4, 4)


def test_a_rise_within_its_interval_is_none() -> None:
    rng = np.random.default_rng(3)
    table = (rng.random((60, 8)) < 0.2).astype(float)
    table[:, -1] = table[rng.permutation(60), 0]
    table[0, -1], table[1, -1] = 1, 1
    found = resampled(table)
    assert found.layer is None
    assert (found.low, found.high) == (None, None)
    assert "is within its own 95 % interval (" in found.reason


def test_a_flat_zero_curve_is_none() -> None:
    found = resampled(np.zeros((40, 6)))
    assert found.layer is None
    assert found.low is None
    assert found.steepest is None
    assert found.reason


def test_a_context_that_harms_is_none_and_says_so() -> None:
    found = resampled(answers([0.9, 0.5, 0.2, 0.1], 100))
    assert found.layer is None
    assert found.reason == "the score is worse with the context than without it (by 0.8)"


def test_an_infinite_replicate_is_none() -> None:
    curve = np.array([0.0, 1.0, 1.0])
    replicates = np.array([[0.0, 1.0, 1.0], [-np.inf, 1.0, 1.0]])
    assert "not a finite number" in recognise(layers_of(curve), curve, replicates, prompts=9).reason


def test_the_interval_of_a_score_where_lower_is_better() -> None:
    rng = np.random.default_rng(4)
    table = np.array([4, 4, 2, 0.05, 0.04, 0.0]) * rng.uniform(0.7, 1.3, (100, 1))
    weights = resampling_weights(100, 400, rng) / 100
    curve = table.mean(0)
    found = recognise(layers_of(curve), curve, weights @ table, prompts=100, higher_is_better=False, true_zero=False)
    assert (found.layer, found.low, found.high) == (3, 3, 3)


def test_the_interval_relative_to_the_ceiling_may_start_at_0() -> None:
    """A task that the query gives away: the floor itself is up to 95 % of the ceiling."""
    table = answers([0.9, 0.96, 0.96, 0.96, 0.96], 400)
    table[:, 0] = answers([0.92], 400)[:, 0]
    found = resampled(table, relative_to="ceiling")
    assert found.layer == 0
    assert found.low == 0
    assert resampled(table).low == 1


@given(
    shares=st.lists(st.floats(0, 1), min_size=3, max_size=10),
    prompts=st.integers(1, 120),
    seed=st.integers(0, 99),
)
def test_the_interval_always_holds_the_layer(shares: list[float], prompts: int, seed: int) -> None:
    table = (np.random.default_rng(seed).random((prompts, len(shares))) < np.array(shares)).astype(float)
    found = resampled(table, draws=60)
    n_layers = len(shares) - 1
    if found.low is None or found.high is None:
        assert found.layer is None
        assert found.reason
    else:
        assert 1 <= found.low <= (n_layers if found.layer is None else found.layer) <= found.high <= n_layers
    assert (found.layer is None) == bool(found.reason)
    assert (found.layer is None) == math.isnan(found.plateau)
