"""What reading and completing prompts costs, with the context kept or dropped from a layer on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from workbench.errors import UserError
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.runs.folder import RunFolder
from workbench.statistics.curves import summarise_run
from workbench.sweep.contract import Outcome
from workbench.sweep.generation import generate, key_value_bytes


@dataclass(frozen=True)
class Times:
    """Sums over the prompts, each read and completed alone."""

    reading_seconds: float
    """Reading the prompts, up to the first token of each answer."""
    decoding_seconds: float
    """All tokens after the first."""
    outcomes: tuple[Outcome, ...]
    """The completions."""


@dataclass(frozen=True)
class Counted:
    """Sums over the prompts; the same in every run."""

    reading_operations: float
    """Floating-point operations of the matrix products of reading, counted by PyTorch as they run."""
    decoding_operations: float
    key_value_bytes: float
    """Keys and values kept when the prompts have been read."""
    key_value_bytes_after: float
    """The same when the completions have been written, whose tokens are kept in every layer."""


def formula(n_layers: int, context_until: int, examples: int) -> float:
    """Paper A's share of the computation saved: (L - r)/L x k/(k + 1); the query counts as one more example."""
    return (n_layers - context_until) / n_layers * examples / (examples + 1)


def recognised_layer(run: Path, model: str, task: str, score: str) -> int:
    """The layer from which a finished task-recognition run found the task recognised: mask TTF, that score, all seeds.

    Raises:
        UserError: the folder holds no such run, or one that found no layer for this model and task.
    """
    folder = RunFolder.existing(run)
    analysis = folder.config()["analysis"]
    if analysis != "task-recognition":
        raise UserError(f"The run in {run} is one of {analysis}: give the folder of a task-recognition run.")
    table = folder.table()
    rows = table[(table["model"] == model) & (table["task"] == task) & (table["mask"] == "TTF")]
    if rows.empty or score not in rows:
        raise UserError(
            f"The run in {run} has no {score} under mask TTF for model {model} and task {task}: run task-recognition "
            "with them first."
        )
    found = summarise_run(rows).recognition
    layer = found[(found["score"] == score) & (found["seed"] == "all")].iloc[0]["layer"]
    if pd.isna(layer):
        raise UserError(f"The run in {run} found no recognition layer for {task}: leave --recognition out.")
    return int(layer)


def times(model: Model, prompts: Sequence[Prompt], context_until: int | None) -> Times:
    """Complete the prompts one by one; from layer `context_until` on without their context, or None to keep it."""
    reading_seconds, _ = _timed(model, _first_token(prompts), context_until)
    total_seconds, outcomes = _timed(model, _without_reference(prompts), context_until)
    return Times(reading_seconds, max(0.0, total_seconds - reading_seconds), tuple(outcomes))


def counted(model: Model, prompts: Sequence[Prompt], context_until: int | None) -> Counted:
    """What the same takes in operations and memory. In runs of its own, since counting takes time."""
    reading, _ = _operations(model, _first_token(prompts), context_until)
    total, outcomes = _operations(model, _without_reference(prompts), context_until)
    stored = sum(key_value_bytes(model, prompt, context_until=context_until) for prompt in prompts)
    written = sum(max(0, len(outcome.token_ids) - 1) for outcome in outcomes)
    return Counted(reading, total - reading, float(stored), float(stored + written * _bytes_of_a_token(model)))


def _without_reference(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Only the completion is wanted, so no reference is read."""
    return [replace(prompt, reference_ids=prompt.reference_ids[:1]) for prompt in prompts]


def _first_token(prompts: Sequence[Prompt]) -> list[Prompt]:
    return [replace(prompt, max_new_tokens=1) for prompt in _without_reference(prompts)]


def _bytes_of_a_token(model: Model) -> int:
    """Key and value of one token in all layers."""
    cfg = model.hooked.cfg
    heads = cfg.n_key_value_heads or cfg.n_heads
    return int(2 * heads * cfg.d_head * model.hooked.W_E.element_size() * model.n_layers)


def _timed(model: Model, prompts: Sequence[Prompt], context_until: int | None) -> tuple[float, list[Outcome]]:
    _wait(model)
    started = time.perf_counter()
    outcomes = generate(model, prompts, context_until=context_until, batch_size=1)
    _wait(model)
    return time.perf_counter() - started, outcomes


def _operations(model: Model, prompts: Sequence[Prompt], context_until: int | None) -> tuple[float, list[Outcome]]:
    with FlopCounterMode(display=False) as counter:
        outcomes = generate(model, prompts, context_until=context_until, batch_size=1)
    return float(counter.get_total_flops()), outcomes


def _wait(model: Model) -> None:
    if model.hooked.W_E.is_cuda:
        torch.cuda.synchronize(model.hooked.W_E.device)
