"""What a condition takes away: each score under it less the score of the clean run, with interval and test.

Prompts are paired, since the same ones are run under every condition. The interval comes from a bootstrap over test
items; the test exchanges the two runs' statistics prompt by prompt (a sign-flip test, which for corpus scores is
approximate randomisation), the same exchanges under every condition, so that the largest effect of each exchange
corrects for the number of conditions (Westfall and Young 1993, single-step max-T).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from workbench.errors import UserError
from workbench.random_streams import stream
from workbench.scoring import SCORE_NAMES, Score, score_named
from workbench.statistics.resampling import percentile_interval, resampling_weights

SERIES = ("model", "n_layers", "task", "kind", "format", "examples")
"""What one family of conditions is about: all of them are corrected for together."""
CLEAN = "clean"
"""The condition that the others are compared with."""
DRAWS = 2000


def effects(table: pd.DataFrame, keys: Sequence[str] = (), *, seed: int = 0) -> pd.DataFrame:
    """The effect of every condition on every score.

    Args:
        table: a row for each prompt and condition: `SERIES`, "condition" (`clean` is the baseline), "seed", "prompt",
            the `keys`, and a column per score with each prompt's statistics. Prompts of several seeds are pooled.
        keys: further columns that a condition determines, such as "layer"; they are carried along.
        seed: of the bootstrap and of the test.

    Returns:
        `SERIES`, "condition", the keys, "score", "clean" (the score without intervention), "value" (with it), "effect",
        its 95 % interval "low" to "high", "p" (two-sided, corrected for the number of conditions) and "n" prompts.

    Raises:
        UserError: a series without the clean run, or a condition that was run on other prompts.
    """
    found: list[dict[str, Any]] = []
    for names, rows in table.groupby(list(SERIES), sort=False, dropna=False):
        series = dict(zip(SERIES, names, strict=True))
        for score in _scores(rows):
            found += _of_series(series, rows, score, list(keys), seed)
    columns = [*SERIES, "condition", *keys, "score", "clean", "value", "effect", "low", "high", "p", "n"]
    return pd.DataFrame(found, columns=columns)


def _scores(rows: pd.DataFrame) -> list[Score]:
    return [score_named(name) for name in SCORE_NAMES if name in rows.columns and rows[name].notna().any()]


def _of_series(
    series: dict[str, Any], rows: pd.DataFrame, score: Score, keys: list[str], seed: int
) -> list[dict[str, Any]]:
    conditions = list(dict.fromkeys(rows["condition"]))
    if CLEAN not in conditions:
        raise UserError(f"{series['task']} on {series['model']} has no clean run to compare with; complete the run.")
    conditions.remove(CLEAN)
    clean, items = _by_item(rows[rows["condition"] == CLEAN], score.name)
    of_each = []
    for condition in conditions:
        statistics, same = _by_item(rows[rows["condition"] == condition], score.name)
        if same != items:
            raise UserError(f"Condition {condition!r} was run on other prompts than the clean run; complete the run.")
        of_each.append(statistics)
    changed = np.array(of_each).reshape(len(conditions), *clean.shape)
    names = [str(series[name]) for name in ("model", "task", "format", "examples")]
    before = float(score.aggregate(clean.sum(0)))
    values = score.aggregate(changed.sum(1))
    low, high = _interval(clean, changed, score, stream(seed, "effects", *names, score.name))
    corrected = _corrected(clean, changed, score, stream(seed, "exchanges", *names, score.name))
    first = rows.drop_duplicates("condition").set_index("condition")
    return [
        {
            **series,
            "condition": condition,
            **{key: first.loc[condition, key] for key in keys},
            "score": score.name,
            "clean": before,
            "value": float(values[number]),
            "effect": float(values[number]) - before,
            "low": float(low[number]),
            "high": float(high[number]),
            "p": float(corrected[number]),
            "n": int((rows["condition"] == CLEAN).sum()),
        }
        for number, condition in enumerate(conditions)
    ]


def _by_item(rows: pd.DataFrame, score: str) -> tuple[Float[np.ndarray, "item statistic"], list[str]]:
    """Statistics added up over the seeds that share a test item, in the order of the items' names."""
    values = np.array([np.asarray(value, dtype=np.float64) for value in rows[score]])
    items, place = np.unique(rows["prompt"].to_numpy(dtype=object).astype(str), return_inverse=True)
    summed = np.zeros((len(items), values.shape[1]))
    np.add.at(summed, place, values)
    return summed, [str(item) for item in items]


def _interval(
    clean: Float[np.ndarray, "item statistic"],
    changed: Float[np.ndarray, "condition item statistic"],
    score: Score,
    generator: np.random.Generator,
) -> tuple[Float[np.ndarray, " condition"], Float[np.ndarray, " condition"]]:
    weights = resampling_weights(len(clean), DRAWS, generator)
    before = score.aggregate(weights @ clean)
    after = score.aggregate(np.einsum("di,cis->dcs", weights, changed, optimize=True))
    return percentile_interval(after - before[:, None])


def _corrected(
    clean: Float[np.ndarray, "item statistic"],
    changed: Float[np.ndarray, "condition item statistic"],
    score: Score,
    generator: np.random.Generator,
) -> Float[np.ndarray, " condition"]:
    """Two-sided p of every condition: how often an exchange makes any condition's effect at least as large.

    Effects are counted in standard deviations of their own exchanges, so that a noisy condition hides no other.
    """
    swaps = generator.integers(2, size=(DRAWS, len(clean))).astype(np.float64)
    moved = np.einsum("di,cis->dcs", swaps, changed - clean, optimize=True)
    exchanged = score.aggregate(changed.sum(1) - moved) - score.aggregate(clean.sum(0) + moved)
    spread = exchanged.std(axis=0)
    spread[spread == 0] = np.inf
    observed = np.abs(score.aggregate(changed.sum(1)) - score.aggregate(clean.sum(0))) / spread
    largest = np.nanmax(np.abs(exchanged) / spread, axis=1)
    # A margin for rounding: an exchange of nothing must count as no smaller than what was seen.
    counted = (largest[:, None] >= observed - 1e-9).sum(0)
    return np.asarray((1 + counted) / (1 + DRAWS))
