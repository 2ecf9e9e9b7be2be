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
from workbench.training.mixture import SHARES, tasks_of

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
    """Score every task: columns task, kind, format, examples, exact_match (share), bleu, n.

    Args:
        model: the model.
        tasks: names of tasks; by default all that the embedded model is trained on.
        prompts: test prompts of each task.
        settings: prompt formats and numbers of examples.
        seed: seed by which the examples are drawn.
    """
    names = [name for kind in SHARES for name in tasks_of(kind)] if tasks is None else tasks
    rows = []
    for name in tqdm(names, desc="evaluating", unit="task"):
        for format_name, examples in settings:
            rows.append(_row(model, name, format_name, examples, prompts, seed))
    return pd.DataFrame(rows)


def by_kind(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean and worst task of each kind, format and number of examples."""
    grouped = scores.groupby(["kind", "format", "examples"], sort=False)
    return grouped.agg(
        tasks=("task", "size"),
        exact_match=("exact_match", "mean"),
        worst_exact_match=("exact_match", "min"),
        bleu=("bleu", "mean"),
        worst_bleu=("bleu", "min"),
    ).reset_index()


def _row(model: Model, name: str, format_name: str, examples: int, count: int, seed: int) -> dict[str, Any]:
    task = find_task(name)
    format_ = find_format(format_name, task.kind)
    shown = task.examples(examples, seed)
    prompts = [build_prompt(model, format_, task, shown, item) for item in task.limited(count)]
    outcomes = sweep(model, prompts, [Clean()], batch_size=count)
    scored = [Scored(outcome.text, prompt.reference) for outcome, prompt in zip(outcomes, prompts, strict=True)]
    row: dict[str, Any] = {"task": name, "kind": task.kind, "format": format_name, "examples": examples}
    for score_name in ("exact_match", "bleu"):
        score = score_named(score_name, task.target_language)
        summed = np.array([score.statistics(each) for each in scored]).sum(axis=0)
        row[score_name] = float(score.aggregate(summed))
    return {**row, "n": count}
