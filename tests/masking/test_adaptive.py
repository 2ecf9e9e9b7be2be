from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.masking.adaptive import CHECKS, SHALLOW, measured_adaptively, next_layers
from workbench.statistics.curves import Settings, summarise
from workbench.statistics.recognition import recognise


def search(curve, replicates=None):
    """Run the search on a whole curve (its last value is the ceiling); returns the answer and what was measured."""
    n_layers = len(curve) - 1
    measured: set[int] = set()
    found = None
    for _ in range(n_layers + 2):
        low = high = layer = None
        if measured:
            layers = np.array([*sorted(measured), n_layers])
            draws = None if replicates is None else replicates[:, layers]
            found = recognise(layers, curve[layers], draws, prompts=200)
            layer, low, high = found.layer, found.low, found.high
        wanted = next_layers(measured, n_layers, layer, low, high)
        assert not set(wanted) & measured, "measured twice"
        assert all(0 <= each < n_layers for each in wanted)
        if not wanted:
            return found, measured
        measured |= set(wanted)
        measured.add(0)
    raise AssertionError("the search does not end")


def step(n_layers, at):
    return np.array([0.0 if layer < at else 1.0 for layer in range(n_layers + 1)])


@given(st.integers(2, 48), st.data())
def test_finds_every_step(n_layers, data):
    at = data.draw(st.integers(1, n_layers))
    curve = step(n_layers, at)
    found, measured = search(curve)
    whole = recognise(np.arange(n_layers + 1), curve)
    assert found.layer == whole.layer == (at if at < n_layers else None)
    if found.layer is not None:
        assert {found.layer, found.layer - 1} <= measured


@given(st.integers(8, 48), st.data())
def test_finds_the_layer_of_any_rising_curve(n_layers, data):
    rises = data.draw(st.lists(st.floats(0, 1), min_size=n_layers, max_size=n_layers))
    curve = np.cumsum([0.0, *rises])
    whole = recognise(np.arange(n_layers + 1), curve)
    found, _ = search(curve)
    assert found.layer == whole.layer


def test_needs_few_of_many_layers():
    for at in range(1, 32):
        _, measured = search(step(32, at))
        assert len(measured) <= 14


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


def measurements(curves, layers, n_layers=12, *, ends=True):
    """Rows of right and wrong answers, the same for everyone, of each mask at its layers."""
    constant = {"model": "m", "n_layers": n_layers, "task": "t", "kind": "k", "format": "f", "examples": 5, "seed": 0}
    return pd.DataFrame(
        {
            **constant,
            "mask": mask,
            "from_layer": layer,
            "prompt": f"p{n}",
            "exact_match": [float(n < 100 * curves[mask][layer]), 1.0],
        }
        for mask, wanted in layers.items()
        for layer in sorted({*wanted, *((0, n_layers) if ends else ())})
        for n in range(100)
    )


def test_rounds_of_a_table_end_where_the_whole_curve_does():
    curves = {"TTF": 0.9 * step(24, 5), "FTF": np.full(25, 0.5)}
    rounds = []

    def measure(layers):
        rounds.append(layers)
        return measurements(curves, layers, 24, ends=len(rounds) == 1)

    table = measured_adaptively(measure, ["TTF", "FTF"], 24, Settings())
    assert not table.duplicated(["seed", "mask", "from_layer", "prompt"]).any()
    found = summarise(table).recognition.query("seed == 'all'").set_index("mask")
    whole = summarise(measurements(curves, dict.fromkeys(curves, tuple(range(24))), 24)).recognition
    whole = whole.query("seed == 'all'").set_index("mask")
    assert found.loc["TTF", "layer"] == whole.loc["TTF", "layer"] == 5
    assert len(rounds) > 1
    assert all("FTF" not in layers for layers in rounds[1:]), "nothing to recognise needs no further layer"
    assert len(set(table.loc[table["mask"] == "TTF", "from_layer"])) < 25


def test_a_shallow_model_is_measured_whole_at_once():
    rounds = []

    def measure(layers):
        rounds.append(layers)
        return measurements({"TTF": step(SHALLOW, 5)}, layers, SHALLOW)

    measured_adaptively(measure, ["TTF"], SHALLOW, Settings())
    assert rounds == [{"TTF": tuple(range(SHALLOW))}]


def test_a_curve_with_nothing_to_recognise_says_so_in_a_field():
    curves = {"FTF": np.full(13, 0.5), "TTF": step(12, 12)}
    found = summarise(measurements(curves, dict.fromkeys(curves, tuple(range(12))))).recognition
    found = found[found["seed"] == "all"].set_index("mask")
    assert not found.loc["FTF", "recognisable"]
    assert found.loc["TTF", "recognisable"], "no layer is an answer here, not a lack of a question"
    assert found["layer"].isna().all()
