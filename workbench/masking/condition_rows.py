"""Conditions run beside the clean run, as rows: what `workbench.statistics.effects` compares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from workbench.interventions import Clean, Condition
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.scoring import Score
from workbench.scoring.rows import scored_row
from workbench.statistics.effects import CLEAN
from workbench.sweep import Engine, chosen_engine, sweep


@dataclass(frozen=True)
class Named:
    """A condition and what its rows say of it."""

    name: str
    condition: Condition
    columns: dict[str, Any] = field(default_factory=dict)
    """Where it acts: layer, head. The clean run has -1 in each."""


def condition_rows(
    model: Model,
    prompts: Sequence[Prompt],
    conditions: Sequence[Named],
    scores: Sequence[Score],
    constant: dict[str, Any],
    *,
    engine: Engine = "auto",
    progress: Callable[[int], object] | None = None,
) -> pd.DataFrame:
    """Run all prompts together, unchanged and under every condition; a row for each, in the order of the prompts.

    Which engine ran stands in the table's `attrs`, for the run to write down.

    Args:
        model: the model.
        prompts: the prompts; the clean run comes first for each.
        conditions: the others, all with the same columns.
        scores: whose statistics the rows have.
        constant: columns that are the same in every row.
        engine: what runs it.
        progress: called with the number of prompts times conditions.
    """
    every: list[Condition] = [Clean(), *(named.condition for named in conditions)]
    outcomes = sweep(model, prompts, every, batch_size=len(prompts), engine_name=engine, progress=progress)
    nowhere = dict.fromkeys(conditions[0].columns, -1) if conditions else {}
    rows = []
    for number, prompt in enumerate(prompts):
        clean, *changed = outcomes[number * len(every) : (number + 1) * len(every)]
        rows.append({**constant, "condition": CLEAN, **nowhere, **scored_row(prompt, clean, clean, scores)})
        for named, outcome in zip(conditions, changed, strict=True):
            row = scored_row(prompt, outcome, clean, scores)
            rows.append({**constant, "condition": named.name, **named.columns, **row})
    table = pd.DataFrame(rows)
    table.attrs["engine"] = str(chosen_engine(model, engine, every))
    return table
