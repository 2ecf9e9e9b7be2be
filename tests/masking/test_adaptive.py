from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.masking.adaptive import (
    CHECKS,
    SHALLOW,
    Answer,
    first_layers,
    measured_adaptively,
    next_layers,
    pilot,
)
from workbench.statistics.curves import Settings, summarise
from workbench.statistics.recognition import recognise


def search(curve, replicates=None, expected=None):
    """Run the search on a whole curve (its last value is the ceiling); returns the answer and what was measured."""
    n_layers = len(curve) - 1
    wanted = {0, *first_layers(n_layers, expected or Answer(None, None, None))}
    measured: set[int] = set()
    for _ in range(n_layers + 2):
        assert not wanted & measured, "measured twice"
        assert all(0 <= each < n_layers for each in wanted)
        measured |= wanted
        layers = np.array([*sorted(measured), n_layers])
        draws = None if replicates is None else replicates[:, layers]
        found = recognise(layers, curve[layers], draws, prompts=200)
        wanted = set(next_layers(measured, n_layers, Answer(found.layer, found.low, found.high)))
        if not wanted:
            return found, measured
    raise AssertionError("the search does not end")


def step(n_layers, at):
    return np.array([0.0 if layer < at else 1.0 for layer in range(n_layers + 1)])


@st.composite
def expectations(draw, n_layers):
    """What a pilot may say, be it ever so wrong."""
    low, high = sorted(draw(st.tuples(st.integers(0, n_layers), st.integers(0, n_layers))))
    layer = draw(st.integers(low, high))
    return Answer(layer if layer < n_layers else None, low, high)


@given(st.integers(2, 48), st.data())
def test_finds_every_step_whatever_was_expected(n_layers, data):
    at = data.draw(st.integers(1, n_layers))
    curve = step(n_layers, at)
    found, measured = search(curve, expected=data.draw(expectations(n_layers)))
    whole = recognise(np.arange(n_layers + 1), curve)
    assert found.layer == whole.layer == (at if at < n_layers else None)
    if found.layer is not None:
        assert {found.layer, found.layer - 1} <= measured


@given(st.integers(8, 48), st.data())
def test_finds_the_layer_of_any_rising_curve(n_layers, data):
    rises = data.draw(st.lists(st.floats(0, 1), min_size=n_layers, max_size=n_layers))
    curve = np.cumsum([0.0, *rises])
    whole = recognise(np.arange(n_layers + 1), curve)
    found, _ = search(curve, expected=data.draw(expectations(n_layers)))
    assert found.layer == whole.layer


def test_needs_few_of_many_layers():
    for at in range(1, 32):
        _, measured = search(step(32, at))
        assert len(measured) <= 14
        _, measured = search(step(32, at), expected=Answer(at, at, at))
        assert len(measured) <= 3 + CHECKS, "the one below, itself and the floor"
        for wrong in range(1, 32):
            _, measured = search(step(32, at), expected=Answer(wrong, wrong, wrong))
            assert len(measured) <= 16


def test_checks_spread_over_the_later_layers_and_find_a_fall():
    curve = step(32, 8)
    _, measured = search(curve)
    later = sorted(each for each in measured if each > 8)
    assert len(later) >= CHECKS
    assert max(np.diff([8, *later, 32])) <= 12
    curve[later[-2]] = 0.0
    assert search(curve)[0].layer == later[-2] + 1


def test_both_ends_of_the_interval_are_found():
    n_layers, generator = 16, np.random.default_rng(0)
    curve = np.clip((np.arange(n_layers + 1) - 4) / 6, 0, 1)
    replicates = curve + 0.04 * generator.standard_normal((400, n_layers + 1))
    found, measured = search(curve, replicates)
    assert {found.low - 1, found.low, found.high - 1} <= measured
    whole = recognise(np.arange(n_layers + 1), curve, replicates, prompts=200)
    assert found.layer == whole.layer
    assert abs(found.low - whole.low) <= 1
    assert abs(found.high - whole.high) <= 1


@pytest.mark.parametrize("n_layers", [1, 2, 3, 4])
def test_shallow_models(n_layers):
    for at in range(1, n_layers + 1):
        assert search(step(n_layers, at))[0].layer == (at if at < n_layers else None)


def measurements(curves, layers, n_layers=12, *, ends=True, seed=0, prompts=range(100), right=None):
    """Rows of right and wrong answers, the same for everyone, of each mask at its layers."""
    constant = {
        "model": "m",
        "n_layers": n_layers,
        "task": "t",
        "kind": "k",
        "format": "f",
        "examples": 5,
        "seed": seed,
    }
    right = right or (lambda n, value: n < 100 * value)
    return pd.DataFrame(
        {
            **constant,
            "mask": mask,
            "from_layer": layer,
            "prompt": f"p{n}",
            "exact_match": [float(right(n, curves[mask][layer])), 1.0],
        }
        for mask, wanted in layers.items()
        for layer in sorted({*wanted, *((0, n_layers) if ends else ())})
        for n in prompts
    )


class Measured:
    """Measures as an analysis would, and writes down what it was asked for."""

    def __init__(self, curves, n_layers, right=None):
        self.curves, self.n_layers, self.right = curves, n_layers, right
        self.asked = []

    def __call__(self, prompts):
        rounds = []
        self.asked.append((prompts, rounds))

        def measure(layers):
            rounds.append({mask: tuple(each) for mask, each in layers.items()})
            of_seeds = [
                measurements(
                    *(self.curves, layers, self.n_layers),
                    ends=len(rounds) == 1,
                    seed=seed,
                    prompts=each,
                    right=self.right,
                )
                for seed, each in prompts.items()
            ]
            table = pd.concat(of_seeds, ignore_index=True)
            table.attrs["engine"] = "fast"
            return table

        return measure

    def search(self, prompts, masks=("TTF",)):
        return measured_adaptively(self, prompts, masks, self.n_layers, Settings())

    def whole(self):
        """The whole curves' recognition, by mask."""
        table = measurements(
            self.curves, dict.fromkeys(self.curves, range(self.n_layers)), self.n_layers, right=self.right
        )
        return recognition(table)


def recognition(table):
    return summarise(table).recognition.query("seed == 'all'").set_index("mask")


def test_a_pilot_shows_all_others_where_to_look():
    curves = {"TTF": 0.9 * step(24, 5), "FTF": np.full(25, 0.5)}
    measured = Measured(curves, 24)
    table = measured.search({0: range(100)}, tuple(curves))
    (few, ahead), (others, rounds) = measured.asked
    assert ahead == [dict.fromkeys(curves, tuple(range(24)))]
    assert sorted([*few[0], *others[0]]) == list(range(100))
    assert len(few[0]) == 12
    assert len(rounds) == 1, "the pilot was right"
    assert {4, 5} <= set(rounds[0]["TTF"])
    assert len(rounds[0]["TTF"]) <= 7
    assert table.attrs == {"engine": "fast"}
    for _, of_layer in table.groupby(["mask", "from_layer"]):
        assert sorted(of_layer["prompt"]) == sorted(f"p{n}" for n in range(100)), "every prompt once"
    found, whole = recognition(table), measured.whole()
    assert tuple(found.loc["TTF", ["layer", "low", "high"]]) == tuple(whole.loc["TTF", ["layer", "low", "high"]])
    assert found.loc["TTF", "layer"] == 5


def test_where_the_pilot_is_wrong_the_search_goes_on():
    """Its prompts are right from the fourth layer on, all others only from the twentieth."""
    ahead = set(pilot(100, 1))
    curves = {"TTF": np.arange(25.0)}
    measured = Measured(curves, 24, right=lambda n, layer: layer >= (4 if n in ahead else 20))
    table = measured.search({0: range(100)})
    _, (_, rounds) = measured.asked
    assert {3, 4} <= set(rounds[0]["TTF"])
    assert 20 not in rounds[0]["TTF"]
    assert len(rounds) > 1
    assert all(0 not in each["TTF"] for each in rounds[1:]), "the floor is measured once"
    assert tuple(recognition(table).loc["TTF", ["layer", "low", "high"]]) == (20, 20, 20)
    assert tuple(measured.whole().loc["TTF", ["layer", "low", "high"]]) == (20, 20, 20)


def test_nothing_to_recognise_needs_no_further_layer():
    measured = Measured({"FTF": np.full(25, 0.5)}, 24)
    measured.search({0: range(100)}, ("FTF",))
    _, (_, rounds) = measured.asked
    assert len(rounds) == 1


def test_seeds_share_the_pilot():
    measured = Measured({"TTF": step(24, 5)}, 24)
    table = measured.search({0: range(100), 1: range(100)})
    (few, _), _ = measured.asked
    assert [len(each) for each in few.values()] == [6, 6]
    assert not table.duplicated(["seed", "mask", "from_layer", "prompt"]).any()


@given(st.integers(1, 2000), st.integers(1, 5))
def test_a_pilot_is_small_and_spread(prompts, seeds):
    chosen = pilot(prompts, seeds)
    assert 1 <= len(chosen) <= max(1, prompts // 4)
    assert chosen[-1] < prompts
    assert len(chosen) < 12 or len(chosen) * 20 >= prompts
    if len(chosen) > 1:
        assert chosen[-1] >= prompts // 2, "not the first ones alone"


@pytest.mark.parametrize(("n_layers", "prompts"), [(SHALLOW, 100), (24, 1)])
def test_what_is_small_is_measured_whole_at_once(n_layers, prompts):
    measured = Measured({"TTF": step(n_layers, 5)}, n_layers)
    measured.search({0: range(prompts)})
    assert measured.asked == [({0: range(prompts)}, [{"TTF": tuple(range(n_layers))}])]


def test_a_curve_with_nothing_to_recognise_says_so_in_a_field():
    curves = {"FTF": np.full(13, 0.5), "TTF": step(12, 12)}
    found = summarise(measurements(curves, dict.fromkeys(curves, tuple(range(12))))).recognition
    found = found[found["seed"] == "all"].set_index("mask")
    assert not found.loc["FTF", "recognisable"]
    assert found.loc["TTF", "recognisable"], "no layer is an answer here, not a lack of a question"
    assert found["layer"].isna().all()
