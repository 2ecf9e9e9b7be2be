"""What a trained model can do: every task it was trained on, on held-out sentences, with and without examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from workbench.formats import find_format
from workbench.interventions import Clean
from workbench.models.model import Model
from workbench.prompts import build_prompt
from workbench.scoring import Scored, score_named
from workbench.sweep import sweep
from workbench.tasks.registry import find_task
from workbench.training.mixture import SHARES, left_out, share_of, tasks_of

SETTINGS = (("instr_none_QA", 5), ("instr_none_QA", 0), ("instr_task", 5), ("instr_task", 0))
"""Prompt formats and numbers of examples."""


def evaluate(
    model: Model,
    tasks: Sequence[str] | None = None,
    *,
    prompts: int = 50,
    settings: Sequence[tuple[str, int]] = SETTINGS,
    seed: int = 0,
) -> pd.DataFrame:
    """Score every task.

    The columns are task, kind, format, examples, score (the task's own, by name), value (of that score), exact_match
    (share), n, and training_share (of the embedded model's training prompts).

    Args:
        model: the model.
        tasks: names of tasks; by default all that the embedded model is trained on, and, in the first setting only,
            those that its training left out.
        prompts: test prompts of each task, or all it has if it has fewer.
        settings: prompt formats and numbers of examples.
        seed: seed by which the examples are drawn.
    """
    asked = [(name, settings) for name in tasks or _trained()]
    if tasks is None:
        asked += [(name, settings[:1]) for name in left_out()]
    rows = []
    for name, its_settings in tqdm(asked, desc="evaluating", unit="task"):
        for format_name, examples in its_settings:
            rows.append(_row(model, name, format_name, examples, prompts, seed))
    return pd.DataFrame(rows)


def _trained() -> list[str]:
    return [name for kind in SHARES for name in tasks_of(kind)]


def by_kind(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean and worst task of each kind, format and number of examples."""
    grouped = scores.groupby(["kind", "format", "examples", "score"], sort=False)
    return grouped.agg(
        tasks=("task", "size"),
        value=("value", "mean"),
        worst_value=("value", "min"),
        exact_match=("exact_match", "mean"),
        worst_exact_match=("exact_match", "min"),
    ).reset_index()


def _row(model: Model, name: str, format_name: str, examples: int, count: int, seed: int) -> dict[str, Any]:
    task = find_task(name)
    format_ = find_format(format_name, task.kind)
    shown = task.examples(examples, seed)
    items = task.limited(min(count, len(task.test)))
    prompts = [build_prompt(model, format_, task, shown, item) for item in items]
    outcomes = sweep(model, prompts, [Clean()], batch_size=count)
    scored = [Scored(outcome.text, prompt.reference) for outcome, prompt in zip(outcomes, prompts, strict=True)]
    row: dict[str, Any] = {"task": name, "kind": task.kind, "format": format_name, "examples": examples}
    row |= {"score": task.score, "value": _value(task.score, task.target_language, scored)}
    row["exact_match"] = _value("exact_match", task.target_language, scored)
    return {**row, "n": len(items), "training_share": share_of(name)}


def _value(score_name: str, language: str, scored: Sequence[Scored]) -> float:
    score = score_named(score_name, language)
    return float(score.aggregate(np.array([score.statistics(each) for each in scored]).sum(axis=0)))
