"""Two curves compared where they rise: planted shifts, and whether the intervals hold them."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.errors import UserError
from workbench.random_streams import stream
from workbench.scoring import score_named
from workbench.statistics.curves import Settings, Statistics
from workbench.statistics.paired_layers import compare, mean_difference
from workbench.statistics.recognition import joint_band, recognise
from workbench.statistics.resampling import resampling_weights

EXACT, DIVERGENCE = score_named("exact_match"), score_named("divergence")
FEW = Settings(draws=300)


def step(at, n_layers=12, low=0.1, high=0.9):
    """Chance of a right answer at every layer, the ceiling last."""
    return np.array([low if layer < at else high for layer in range(n_layers + 1)])


def statistics(chances, difficulty, noise):
    """Right or wrong; items that are hard in one curve are hard in the other."""
    right = (0.7 * difficulty[:, None] + 0.3 * noise < chances).astype(float).T
    values = np.stack([right, np.ones_like(right)], axis=-1)
    items = tuple(f"item-{n:03}" for n in range(len(difficulty)))
    return Statistics(np.arange(len(chances)), items, values, len(items))


def pair(first, second, items=150, seed=0):
    rng = stream(seed, "pair")
    difficulty = rng.random(items)
    return [statistics(chances, difficulty, rng.random((items, len(chances)))) for chances in (first, second)]


def test_a_planted_difference_is_found():
    found = compare(*pair(step(3), step(7)), EXACT, "planted", settings=FEW)
    assert (found.first.layer, found.second.layer) == (3, 7)
    assert found.layers.value == -4
    assert found.layers.low <= -4 <= found.layers.high < 0
    assert found.means.value == pytest.approx(-4, abs=0.4)
    assert found.means.low < -4 < found.means.high < -3
    assert found.earlier > 0.9
    assert found.later < 0.05
    assert found.n == 150


def test_turned_round_it_changes_its_sign():
    first, second = pair(step(3), step(7))
    there, back = (compare(*both, EXACT, "planted", settings=FEW) for both in ((first, second), (second, first)))
    assert back.layers.value == -there.layers.value
    assert back.means.value == pytest.approx(-there.means.value)
    assert (back.means.low, back.means.high) == pytest.approx((-there.means.high, -there.means.low))


def test_a_curve_does_not_differ_from_itself():
    first, _ = pair(step(5), step(5))
    found = compare(first, first, EXACT, "same", settings=FEW)
    assert (found.means.value, found.means.low, found.means.high) == (0, 0, 0)
    assert found.layers.value == 0
    assert found.layers.low <= 0 <= found.layers.high
    assert (found.earlier, found.later) == (0.0, 0.0)


def test_pairing_by_item_narrows_the_interval():
    """Items drawn for both curves together; were they not, what is hard for both would count twice."""
    first, second = pair(step(4, high=0.6), step(6, high=0.6), items=200)
    paired = compare(first, second, EXACT, "x", settings=FEW).means
    rng = stream(1, "alone")
    alone = []
    for each in (first, second):
        weights = resampling_weights(200, 300, rng)
        sums = np.einsum("di,lis->dls", weights, each.values)
        curves = sums[..., 0] / sums[..., 1]
        alone.append(((curves[:, -1:] - curves) / (curves[:, -1:] - curves[:, :1])).sum(1))
    low, high = np.quantile(alone[0] - alone[1], [0.025, 0.975])
    assert paired.high - paired.low <= 1.05 * (high - low)


def test_the_mean_layer_of_a_step_is_its_layer():
    perfect = [step(at, low=0.0, high=1.0) for at in (5, 8)]
    found = compare(*pair(*perfect), EXACT, "perfect", settings=FEW)
    assert (found.first_mean, found.second_mean) == (5, 8)
    assert (found.means.value, found.means.low, found.means.high) == (-3, -3, -3)


def test_less_may_be_better():
    def turned(statistics):
        values = statistics.values.copy()
        values[..., 0] = values[..., 1] - values[..., 0]
        return Statistics(statistics.layers, statistics.items, values, statistics.prompts)

    first, second = pair(step(3), step(7))
    up = compare(first, second, EXACT, "x", settings=FEW)
    down = compare(turned(first), turned(second), DIVERGENCE, "x", settings=FEW)
    assert (down.first.layer, down.second.layer) == (up.first.layer, up.second.layer)
    assert down.means.value == pytest.approx(up.means.value)


def test_nothing_to_recognise_has_no_difference():
    flat = np.full(13, 0.5)
    found = compare(*pair(step(3), flat), EXACT, "flat", settings=FEW)
    assert found.layers is None
    assert found.means is None
    assert not found.second.recognisable
    assert mean_difference([found]) is None


def test_the_mean_over_pairs_leaves_out_what_has_none():
    one = compare(*pair(step(3), step(5)), EXACT, "x", settings=FEW)
    two = compare(*pair(step(4), step(8), seed=1), EXACT, "x", settings=FEW)
    flat = compare(*pair(step(3), np.full(13, 0.5)), EXACT, "x", settings=FEW)
    both = mean_difference([one, flat, two])
    assert both.value == pytest.approx((one.means.value + two.means.value) / 2)
    assert both.low < both.value < both.high
    assert both.high - both.low < max(each.means.high - each.means.low for each in (one, two))


@pytest.mark.parametrize("high", [0.9, 0.6])
def test_intervals_hold_the_true_difference(high):
    """Of the rule's layers and of the means; the truth of the means is that of the chances themselves."""
    first, second = step(4, high=high), step(5, high=high)
    second[5:8] = (0.1 + high) / 2
    truth = [(curve[-1] - curve).sum() / (curve[-1] - curve[0]) for curve in (first, second)]
    held = np.zeros(2)
    for seed in range(60):
        found = compare(*pair(first, second, items=120, seed=seed), EXACT, "cover", settings=FEW)
        held += [
            found.layers.low <= 4 - 8 <= found.layers.high,
            found.means.low <= truth[0] - truth[1] <= found.means.high,
        ]
    assert (held / 60 >= 0.88).all(), held / 60


def test_a_joint_band_is_no_narrower_than_each_alone():
    rng = stream(0, "band")
    curves = []
    for at in (4, 6):
        replicates = step(at) + 0.02 * rng.standard_normal((400, 13))
        curves.append((step(at), replicates))
    joint = joint_band(curves, prompts=200)
    for curve in curves:
        single = joint_band([curve], prompts=200)
        assert joint.upper >= single.upper - 1e-9
        assert joint.lower >= single.lower - 1e-9
        narrow, wide = (recognise(np.arange(13), *curve, prompts=200, band=band) for band in (None, joint))
        assert wide.low <= narrow.low
        assert wide.high >= narrow.high


def test_other_items_or_missing_layers_are_refused():
    first, second = pair(step(3), step(7))
    other = Statistics(second.layers, tuple(f"other-{n}" for n in range(150)), second.values, 150)
    with pytest.raises(UserError, match="not run on the same test items"):
        compare(first, other, EXACT, "x")
    gap = [Statistics(each.layers[::2], each.items, each.values[::2], 150) for each in (first, second)]
    with pytest.raises(UserError, match="needs every layer"):
        compare(*gap, EXACT, "x")
