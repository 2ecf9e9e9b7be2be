"""The trainings of gates that a table of `analyses.head_gates` holds, and what their gates do to the scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from workbench.statistics.effects import CLEAN, effects
from workbench.views.text import plural


@dataclass(frozen=True)
class Trained:
    """One training."""

    model: str
    n_layers: int
    n_heads: int
    task: str
    examples: int
    penalty: str
    seed: int
    rows: pd.DataFrame
    """Rows of its gates and of its evaluations, told apart by `what`."""
    effects: pd.DataFrame
    """What its gates do to every score of every kind of test prompt: see `workbench.statistics.effects`."""

    @property
    def gates(self) -> pd.DataFrame:
        """Rows of gates."""
        return self.rows[self.rows["what"] == "gate"]

    @property
    def off(self) -> int:
        """Heads whose gate is exactly 0."""
        return int((self.gates["gate"] == 0).sum())

    @property
    def share_off(self) -> float:
        """Their share of all heads."""
        return self.off / (self.n_layers * self.n_heads)

    @property
    def evaluations(self) -> pd.DataFrame:
        """Rows of evaluations."""
        return self.rows[self.rows["what"] == "evaluation"].sort_values("step")

    @property
    def name(self) -> str:
        """For legends and tables."""
        return f"{plural(self.examples, 'example')}, λ = {self.penalty}"


_TRAINING = ["model", "n_layers", "n_heads", "trained_on", "training_examples", "penalty", "seed"]


def trainings(table: pd.DataFrame) -> list[Trained]:
    """Every training of the table, in its order."""
    found = []
    for (model, task), rows in table.groupby(["model", "trained_on"], sort=False):
        answers = rows[rows["what"] == "answer"]
        changes = effects(answers.assign(condition=list(_conditions(answers))))
        for values, own in rows[rows["penalty"] != ""].groupby(_TRAINING, sort=False):
            _, layers, heads, _, examples, penalty, seed = (str(value) for value in values)
            mine = changes[changes["condition"] == _condition(examples, penalty, seed)]
            counts = int(layers), int(heads)
            found.append(Trained(str(model), *counts, str(task), int(examples), penalty, int(seed), own, mine))
    return found


def _conditions(answers: pd.DataFrame) -> Iterator[str]:
    """The training that each answer was given after; the clean run is that without gates."""
    for examples, penalty, seed in zip(answers["training_examples"], answers["penalty"], answers["seed"], strict=True):
        yield _condition(examples, penalty, seed) if penalty else CLEAN


def _condition(examples: object, penalty: object, seed: object) -> str:
    return f"{examples} examples, {penalty}, seed {seed}"
