"""Both directions of translation tasks, compared pair by pair: from a table of measurements to comparisons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from workbench.errors import UserError
from workbench.scoring import SCORE_NAMES, Score, score_named
from workbench.statistics.curves import Settings, Statistics, Summary, by_seed, summarise
from workbench.statistics.paired_layers import Comparison, Difference, compare, mean_difference

INTO, OUT_OF = "into", "out of"


@dataclass(frozen=True)
class Pair:
    """The two directions of one pair of languages by one score; the comparison's first is into English."""

    model: str
    n_layers: int
    into: str
    out_of: str
    score: str
    comparison: Comparison


@dataclass(frozen=True)
class Directions:
    """All pairs of a run."""

    pairs: list[Pair]
    summary: Summary
    """Of every direction by itself."""

    @classmethod
    def of(cls, table: pd.DataFrame, settings: Settings) -> Directions:
        """Compare what a table of measurements has; it needs the columns "direction" and "sentences" too.

        Raises:
            UserError: a direction is missing, or was run on other sentences.
        """
        pairs = []
        for (model, sentences), rows in table.groupby(["model", "sentences"], sort=False):
            for name in (name for name in SCORE_NAMES if name in rows and rows[name].notna().any()):
                pairs.append(_pair(str(model), str(sentences), rows, score_named(name), settings))
        return cls(pairs, summarise(table, settings))

    @property
    def scores(self) -> list[str]:
        """The tasks' own score first, as they were measured."""
        measured = list(dict.fromkeys(self.summary.curves["score"]))
        return [score for score in measured if any(pair.score == score for pair in self.pairs)]

    def by(self, score: str) -> list[Pair]:
        """The pairs by one score."""
        return [pair for pair in self.pairs if pair.score == score]

    def together(self, score: str) -> Difference | None:
        """The mean over all pairs of the difference of mean layers."""
        return mean_difference([pair.comparison for pair in self.by(score)])


def _pair(model: str, sentences: str, rows: pd.DataFrame, score: Score, settings: Settings) -> Pair:
    found: dict[str, tuple[Any, Statistics]] = {}
    for direction, part in rows.groupby("direction", sort=False):
        found[str(direction)] = part.iloc[0], dict(by_seed(part, score.name))["all"]
    if set(found) != {INTO, OUT_OF}:
        raise UserError(f"Of {sentences} on {model} there is only the direction {', '.join(found)}; complete the run.")
    (first, into), (second, out_of) = found[INTO], found[OUT_OF]
    names = [model, str(first["format"]), str(first["examples"]), score.name]
    compared = compare(into, out_of, score, *names, settings=settings)
    return Pair(model, int(first["n_layers"]), str(first["task"]), str(second["task"]), score.name, compared)
