"""Critical layers of planted effects, and what a reproduction reads off them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest

from workbench.reproduction.experiments import Part
from workbench.reproduction.measured import AFTER_CRITICAL, LARGEST_FALL, points_of
from workbench.views.removal import Removal, critical_layers, removal_figure, removal_of

PART = Part("attention-removal", "en-fr", "first", "attention-removal", {}, "", "")
PROMPTS = 40
Planted = tuple[float, float]
"""Mean over prompts of what removing a layer does to the score, and its standard deviation."""
CLEAR_FALL, UNCLEAR_FALL, NOTHING, RISE = (-1.0, 0.5), (-0.1, 1.0), (0.0, 0.0), (1.0, 0.5)


def kind_of_prompt(layers: Sequence[Planted], shows: str = "both", seeds: Sequence[int] = (0,)) -> pd.DataFrame:
    """Rows of a run in which removing each layer does exactly what is planted."""
    rng = np.random.default_rng(0)
    clean = rng.normal(-3, 1, PROMPTS)
    values = {-1: clean}
    for layer, (mean, deviation) in enumerate(layers):
        noise = rng.normal(size=PROMPTS)
        values[layer] = clean + mean + deviation * (noise - noise.mean()) / noise.std()
    constant = {
        **{"model": "m", "n_layers": len(layers), "task": "t", "kind": "translate", "format": f"format of {shows}"},
        **{"examples": 5, "shows": shows, "baseline": False, "from_layer": -1},
    }
    return pd.DataFrame(
        {
            **constant,
            **{"seed": seed, "layer": layer, "condition": "clean" if layer < 0 else f"attention {layer}"},
            **{"prompt": f"t/{number:02}", "log_probability": [float(value), 1.0]},
        }
        for seed in seeds
        for layer, of_prompts in values.items()
        for number, value in enumerate(of_prompts)
    )


def removal(*layers: Planted) -> Removal:
    return removal_of(kind_of_prompt(layers))


def critical(found: Removal) -> list[int]:
    return critical_layers(found.effects)["layer"].tolist()


def test_only_a_clear_fall_is_critical() -> None:
    found = removal(CLEAR_FALL, UNCLEAR_FALL, NOTHING, RISE)
    effects = found.effects.set_index("layer")
    assert effects["effect"].tolist() == pytest.approx([-1.0, -0.1, 0.0, 1.0])
    assert effects["low"][1] < 0 < effects["high"][1]
    assert effects["p"][3] < 0.05, "the test says that the rise is one"
    assert critical(found) == [0]
    assert critical(removal(CLEAR_FALL, NOTHING, CLEAR_FALL)) == [0, 2]


@pytest.mark.parametrize("planted", [UNCLEAR_FALL, NOTHING, RISE])
def test_without_a_clear_fall_no_layer_is_critical(planted: Planted) -> None:
    assert critical(removal(planted, NOTHING)) == []


def test_an_interval_below_zero_is_not_enough_among_many_layers() -> None:
    """2.4 standard errors: enough for one layer, but one of forty is there by chance."""
    weak = (-2.4 / PROMPTS**0.5, 1.0)
    alone, among_many = removal(weak), removal(weak, *[(0.0, 1.0)] * 39)
    assert critical(alone) == [0]
    first = among_many.effects.iloc[0]
    assert first["high"] < 0
    assert first["p"] > 0.05
    assert critical(among_many) == []


def test_both_the_interval_and_the_test_are_asked_for() -> None:
    effects = pd.DataFrame({"high": [-0.1, -0.1, 0.1, 0.0, -0.1], "p": [0.01, 0.2, 0.01, 0.01, 0.05]})
    assert critical_layers(effects).index.tolist() == [0]


def read_off(table: pd.DataFrame) -> Mapping[tuple[str, str], float]:
    """The two quantities by kind of prompt."""
    points = points_of(PART, table)
    points = points[points["quantity"].isin([LARGEST_FALL, AFTER_CRITICAL])]
    assert points[["layer", "low", "high"]].isna().all(axis=None), "they belong to no layer and have no interval"
    assert not points.duplicated(["series", "quantity"]).any()
    keys = zip(points["series"], points["quantity"], strict=True)
    return dict(zip(keys, points["value"], strict=True))


@pytest.mark.parametrize(
    ("layers", "largest", "after"),
    [
        ([NOTHING, CLEAR_FALL, NOTHING, NOTHING], 1, 2),
        ([NOTHING, (-2.0, 0.5), RISE, CLEAR_FALL, UNCLEAR_FALL], 1, 4),
        # The largest effect of all is none, by its interval; nor is it the last critical layer.
        ([CLEAR_FALL, NOTHING, (-3.0, 20.0)], 0, 1),
        # The last layer is critical: what comes after it is the number of layers.
        ([CLEAR_FALL, (-2.0, 0.5)], 1, 2),
        # Several fall alike: the first of them.
        ([NOTHING, *[(-1.0, 0.0)] * 30, (-0.5, 0.25)], 1, 32),
    ],
)
def test_the_largest_fall_and_the_layer_after_the_last_critical_one(
    layers: list[Planted], largest: int, after: int
) -> None:
    series = "instruction and examples"
    assert read_off(kind_of_prompt(layers)) == {(series, LARGEST_FALL): largest, (series, AFTER_CRITICAL): after}


@pytest.mark.parametrize("planted", [UNCLEAR_FALL, NOTHING, RISE])
def test_without_critical_layers_there_is_nothing_to_read_off(planted: Planted) -> None:
    assert read_off(kind_of_prompt([planted, NOTHING])) == {}


def test_kinds_of_prompt_are_read_apart() -> None:
    table = pd.concat(
        [
            kind_of_prompt([CLEAR_FALL, NOTHING, NOTHING], "both", seeds=(0, 1)),
            kind_of_prompt([NOTHING, NOTHING, CLEAR_FALL], "neither"),
            kind_of_prompt([NOTHING, RISE, UNCLEAR_FALL], "examples", seeds=(0, 1)),
        ],
        ignore_index=True,
    )
    both, neither = "instruction and examples", "neither"
    assert read_off(table) == {
        **{(both, LARGEST_FALL): 0, (both, AFTER_CRITICAL): 1},
        **{(neither, LARGEST_FALL): 2, (neither, AFTER_CRITICAL): 3},
    }
    counted = points_of(PART, table).groupby("series")["n"].agg(set).to_dict()
    assert (counted[both], counted[neither]) == ({2 * PROMPTS}, {PROMPTS})
    drawn = removal_of(table)
    figure = removal_figure(drawn, drawn.effects, "m", "t", "log_probability")
    assert figure.layout.title.subtitle.text.endswith(f"n = {PROMPTS} or {2 * PROMPTS}")
