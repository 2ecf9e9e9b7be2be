"""From a table of measurements to curves with bands and to recognition layers with intervals.

Prompts are resampled jointly over all layers and the ceiling, so that a hard prompt is hard in every point
of a replicate. The unit that is drawn is the test item, by the prompt's name: a prompt that several seeds
share (with other examples before it) is drawn for all of them together. Every seed is shown by itself, and
"all" adds the seeds' statistics up; two or three seeds are too few to be resampled themselves.

Replicates of one model, task and score use the same draws under every mask and seed: the ceiling, shared by
all masks, has one interval, and a run with one seed has the same numbers under that seed and under "all".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from einops import rearrange
from jaxtyping import Float, Int

from workbench.errors import UserError
from workbench.random_streams import stream
from workbench.scoring import SCORE_NAMES, Score, score_named
from workbench.statistics.recognition import Recognition, Threshold, recognise
from workbench.statistics.resampling import percentile_interval, resampling_weights

KEYS = ["model", "n_layers", "task", "kind", "format", "examples", "mask"]
CURVE_COLUMNS = [*KEYS, "score", "seed", "from_layer", "value", "low", "high", "n"]
RECOGNITION_COLUMNS = [
    *[*KEYS, "score", "seed", "layer", "low", "high", "ceiling", "floor", "threshold", "fraction"],
    *["steepest", "plateau", "n", "reason", "recognisable"],
]
_LAYER_COLUMNS = ["layer", "low", "high", "steepest"]


class Summary(NamedTuple):
    """What a table of measurements says."""

    curves: pd.DataFrame
    """`CURVE_COLUMNS`, one row per curve and `from_layer`; low and high are 95 % percentile intervals."""
    recognition: pd.DataFrame
    """`RECOGNITION_COLUMNS`, one row per curve; layers are Int64, missing for "none"."""


@dataclass(frozen=True)
class Settings:
    """How curves are summarised."""

    draws: int = 1000
    """Bootstrap replicates."""
    seed: int = 0
    """Of the bootstrap; has nothing to do with the seeds of the prompts."""
    fraction: float = 0.95
    """Of the rise (or of the ceiling) that counts as recognised."""
    relative_to: Threshold = "rise"
    """Of what the fraction is taken; scores without a true zero keep "rise", whatever is set."""


@dataclass(frozen=True)
class Statistics:
    """One curve's sufficient statistics."""

    layers: Int[np.ndarray, " layer"]
    items: tuple[str, ...]
    values: Float[np.ndarray, "layer prompt statistic"]
    prompts: int
    """Prompts behind it; more than items where seeds are pooled."""


def summarise(measurements: pd.DataFrame, settings: Settings | None = None) -> Summary:
    """Curves and recognition layers of every model, task, format, mask and score, per seed and pooled.

    `measurements` has the columns `KEYS`, "seed", "from_layer", "prompt" and a column per score with each
    prompt's statistics; a score that is missing (None) throughout a curve's rows is left out. Raises
    `UserError` if columns are missing, if the prompts of a curve differ between layers or occur twice, or
    if layers are out of range.
    """
    chosen = settings or Settings()
    _check(measurements)
    points: list[dict[str, Any]] = []
    layers: list[dict[str, Any]] = []
    for keys, rows in measurements.groupby(KEYS, sort=False, dropna=False):
        described = dict(zip(KEYS, keys, strict=True))
        for score in _scores(rows):
            for seed, statistics in by_seed(rows, score.name):
                key = {**described, "score": score.name, "seed": seed}
                curve, replicates = _bootstrap(statistics, score, key, chosen)
                points += _curve_rows(key, statistics, curve, replicates)
                layers.append(_recognition_row(key, statistics, curve, replicates, score, chosen))
    recognition = pd.DataFrame(layers, columns=RECOGNITION_COLUMNS)
    return Summary(
        curves=pd.DataFrame(points, columns=CURVE_COLUMNS),
        recognition=recognition.astype(dict.fromkeys(_LAYER_COLUMNS, "Int64")),
    )


def summarise_run(table: pd.DataFrame) -> Summary:
    """`summarise` of a run's table, by the rule that its settings name (`fraction`, `relative_to`)."""
    chosen = table.attrs.get("settings", {})
    rule = {name: chosen[name] for name in ("fraction", "relative_to") if name in chosen}
    return summarise(table, Settings(**rule))


def _check(measurements: pd.DataFrame) -> None:
    missing = [name for name in [*KEYS, "seed", "from_layer", "prompt"] if name not in measurements.columns]
    if missing:
        raise UserError(f"The measurements lack the columns {', '.join(missing)}; are they from a finished run?")
    outside = measurements[(measurements["from_layer"] < 0) | (measurements["from_layer"] > measurements["n_layers"])]
    if len(outside):
        row = outside.iloc[0]
        raise UserError(
            f"from_layer must be 0 to n_layers={row['n_layers']}. Got {row['from_layer']} ({row['model']})."
        )


def _scores(rows: pd.DataFrame) -> list[Score]:
    """The scores measured in these rows; the language matters only where statistics are made."""
    return [score_named(name) for name in SCORE_NAMES if name in rows.columns and rows[name].notna().any()]


def by_seed(rows: pd.DataFrame, score: str) -> Iterator[tuple[str, Statistics]]:
    """The statistics of one curve's rows, of each seed and then of all seeds together ("all").

    Raises `UserError` if the prompts differ between layers or occur twice.
    """
    single = {str(seed): _stacked(of_seed, score) for seed, of_seed in rows.groupby("seed", sort=True)}
    yield from single.items()
    yield "all", _pooled(list(single.values()))


def _stacked(rows: pd.DataFrame, score: str) -> Statistics:
    """One seed's rows as an array; every layer must have the same prompts, each once."""
    ordered = rows.sort_values(["from_layer", "prompt"], kind="stable")
    layers, counts = np.unique(ordered["from_layer"].to_numpy(dtype=np.int64), return_counts=True)
    names = ordered["prompt"].to_numpy(dtype=object)
    items = names[: counts[0]]
    same = (counts == counts[0]).all() and (names.reshape(len(layers), -1) == items).all()
    if not same or len(set(items)) < len(items) or ordered[score].isna().any():
        key = ", ".join(str(rows.iloc[0][name]) for name in ["model", "task", "mask", "seed"])
        raise UserError(f"The score {score} of {key} needs the same prompts once at every layer; complete the run.")
    flat = np.array([np.asarray(value, dtype=np.float64) for value in ordered[score]])
    values = rearrange(flat, "(layer prompt) statistic -> layer prompt statistic", layer=len(layers))
    return Statistics(layers=layers, items=tuple(items), values=values, prompts=len(items))


def _pooled(seeds: list[Statistics]) -> Statistics:
    """The seeds' statistics added up item by item; an item that a seed lacks adds nothing there."""
    layers = seeds[0].layers
    if any(not np.array_equal(one.layers, layers) for one in seeds):
        raise UserError("The seeds of one run must have the same layers; run it again to complete it.")
    items = sorted({item for one in seeds for item in one.items})
    place = {item: index for index, item in enumerate(items)}
    values = np.zeros((len(layers), len(items), seeds[0].values.shape[-1]))
    for one in seeds:
        values[:, [place[item] for item in one.items]] += one.values
    return Statistics(layers=layers, items=tuple(items), values=values, prompts=sum(one.prompts for one in seeds))


def _bootstrap(
    statistics: Statistics, score: Score, key: dict[str, Any], settings: Settings
) -> tuple[Float[np.ndarray, " layer"], Float[np.ndarray, "draws layer"]]:
    """The curve, and the curves of resampled prompts."""
    names = [str(key[name]) for name in ["model", "task", "format", "examples", "score"]]
    generator = stream(settings.seed, "bootstrap", *names)
    weights = resampling_weights(len(statistics.items), settings.draws, generator)
    by_item = rearrange(statistics.values, "layer prompt statistic -> prompt (layer statistic)")
    sums = rearrange(weights @ by_item, "draw (layer statistic) -> draw layer statistic", layer=len(statistics.layers))
    return score.aggregate(statistics.values.sum(1)), score.aggregate(sums)


def _curve_rows(
    key: dict[str, Any],
    statistics: Statistics,
    curve: Float[np.ndarray, " layer"],
    replicates: Float[np.ndarray, "draws layer"],
) -> list[dict[str, Any]]:
    low, high = percentile_interval(replicates)
    columns = zip(statistics.layers.tolist(), curve.tolist(), low.tolist(), high.tolist(), strict=True)
    return [
        {**key, "from_layer": layer, "value": value, "low": below, "high": above, "n": statistics.prompts}
        for layer, value, below, above in columns
    ]


def _recognition_row(
    key: dict[str, Any],
    statistics: Statistics,
    curve: Float[np.ndarray, " layer"],
    replicates: Float[np.ndarray, "draws layer"],
    score: Score,
    settings: Settings,
) -> dict[str, Any]:
    if statistics.layers[0] != 0 or statistics.layers[-1] != key["n_layers"]:
        raise UserError(
            f"A recognition layer needs from_layer 0 (the floor) and {key['n_layers']} (the ceiling). Got "
            f"{statistics.layers[0]} to {statistics.layers[-1]} for {key['model']}, {key['task']}."
        )
    found: Recognition = recognise(
        statistics.layers,
        curve,
        replicates,
        prompts=statistics.prompts,
        examples=int(key["examples"]),
        fraction=settings.fraction,
        relative_to=settings.relative_to if score.true_zero else "rise",
        higher_is_better=score.higher_is_better,
        true_zero=score.true_zero,
    )
    return {**key, **vars(found), "n": statistics.prompts}
