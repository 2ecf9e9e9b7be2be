"""Does the 95 % interval of the recognition layer hold the true layer? Curves with a planted truth.

Answers are right or wrong. Every prompt has a difficulty that is shared by all layers (as strongly as
`shared` says) and luck of its own at every layer. Run with `-s` to read bias, coverage and width; beside
them stand the percentiles of the replicates' own layers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pytest

from workbench.random_streams import stream
from workbench.statistics.recognition import recognise
from workbench.statistics.resampling import percentile_interval, resampling_weights

SIMULATIONS = 200
DRAWS = 400
NORMAL = NormalDist()

CURVES = {
    # Chance of a right answer at every from_layer, the ceiling last; the true layer.
    "clean step": ([0.05] * 6 + [0.95] * 7, 6),
    "perfect step": ([0.0] * 6 + [1.0] * 7, 6),
    "slow rise": ([0.05] * 4 + [0.05 + 0.9 * step / 16 for step in range(17)] + [0.95] * 4, 20),
    "long plateau barely above": ([0.05] * 8 + [0.05 + 0.96 * 0.9] * 24 + [0.95], 8),
    "plateau barely below, then above": ([0.05] * 8 + [0.05 + 0.92 * 0.9] * 8 + [0.95] * 17, 16),
    "barely below, at perfection": ([0.0] * 4 + [0.94] * 4 + [1.0] * 4, 8),
    "long plateau barely below": ([0.02] * 4 + [0.02 + 0.945 * 0.97] * 24 + [0.99] * 3, 28),
    "late dip": ([0.05] * 8 + [0.95] * 4 + [0.75] * 2 + [0.95] * 11, 14),
    "never": ([0.05] * 8 + [0.05 + 0.9 * 0.9] * 8 + [0.95], 16),
}


@dataclass(frozen=True)
class Study:
    """What many simulated runs of one curve gave; layers count "none" as n_layers."""

    truth: int
    layers: list[int]
    intervals: list[tuple[int, int]]
    naive: list[tuple[int, int]]

    @property
    def bias(self) -> float:
        return float(np.mean(self.layers)) - self.truth

    def coverage(self, intervals: list[tuple[int, int]]) -> float:
        return float(np.mean([low <= self.truth <= high for low, high in intervals]))

    def width(self, intervals: list[tuple[int, int]]) -> float:
        return float(np.mean([high - low for low, high in intervals]))

    def line(self, name: str) -> str:
        ours = f"coverage {self.coverage(self.intervals):.3f} width {self.width(self.intervals):5.2f}"
        naive = f"percentiles: coverage {self.coverage(self.naive):.3f} width {self.width(self.naive):5.2f}"
        return f"{name:60} true layer {self.truth:2} bias {self.bias:+6.2f} | {ours} | {naive}"


def answers(chances: np.ndarray, prompts: int, shared: float, rng: np.random.Generator) -> np.ndarray:
    """Right (1) or wrong (0), prompts x layers, with the given chance at every layer."""
    difficulty = rng.standard_normal((prompts, 1))
    luck = rng.standard_normal((prompts, len(chances)))
    bounds = np.array([-math.inf if p == 0 else math.inf if p == 1 else NORMAL.inv_cdf(p) for p in chances])
    return (math.sqrt(shared) * difficulty + math.sqrt(1 - shared) * luck < bounds).astype(float)


def study(curve: str, prompts: int, shared: float, simulations: int = SIMULATIONS) -> Study:
    """Simulate, resample, recognise, many times."""
    chances, truth = np.array(CURVES[curve][0]), CURVES[curve][1]
    n_layers, at = len(chances) - 1, np.arange(len(chances))
    result = Study(truth, [], [], [])
    for number in range(simulations):
        rng = stream(0, "simulation", curve, prompts, str(shared), number)
        table = answers(chances, prompts, shared, rng)
        replicates = resampling_weights(prompts, DRAWS, rng) @ table / prompts
        found = recognise(at, table.mean(0), replicates, prompts=prompts)
        assert found.low is not None
        assert found.high is not None
        result.layers.append(n_layers if found.layer is None else found.layer)
        result.intervals.append((found.low, found.high))
        result.naive.append(percentiles(replicates))
    return result


def percentiles(replicates: np.ndarray) -> tuple[int, int]:
    """The interval that suggests itself: the rule on every replicate, 2.5 % cut off on both sides."""
    threshold = 0.05 * replicates[:, :1] + 0.95 * replicates[:, -1:]
    failing = replicates[:, :-1] < threshold - 1e-9
    last = np.where(failing.any(1), failing.shape[1] - failing[:, ::-1].argmax(1), 0).astype(float)
    low, high = percentile_interval(last)
    return round(float(low)), round(float(high))


@pytest.mark.parametrize("shared", [0.0, 0.8])
@pytest.mark.parametrize("curve", CURVES)
def test_intervals_cover_the_true_layer(curve: str, shared: float) -> None:
    result = study(curve, 100, shared)
    print(result.line(f"{curve}, 100 prompts, shared difficulty {shared}"))
    assert result.coverage(result.intervals) >= 0.9


@pytest.mark.parametrize("prompts", [40, 70, 300])
@pytest.mark.parametrize("curve", ["slow rise", "long plateau barely above", "barely below, at perfection"])
def test_intervals_cover_with_few_prompts_and_many(curve: str, prompts: int) -> None:
    result = study(curve, prompts, 0.8, simulations=120)
    print(result.line(f"{curve}, {prompts} prompts, shared difficulty 0.8"))
    assert result.coverage(result.intervals) >= 0.9


def test_percentiles_of_the_layer_would_not_cover() -> None:
    """Why the interval is not the plain one: every layer of the plateau must pass in every replicate."""
    result = study("long plateau barely above", 100, 0.0)
    assert result.coverage(result.naive) < 0.6
    assert result.bias > 10


def test_a_clear_case_has_a_short_interval() -> None:
    """Covering is worth nothing if the interval says nothing."""
    perfect, clear, many = (
        study("perfect step", 100, 0.8),
        study("clean step", 100, 0.8),
        study("clean step", 300, 0.8),
    )
    assert perfect.intervals == [(6, 6)] * SIMULATIONS
    assert clear.width(clear.intervals) < clear.width(clear.naive)
    assert many.width(many.intervals) < 1
    assert abs(many.bias) < 0.1
