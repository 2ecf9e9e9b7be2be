"""What reading and completing prompts costs, with the context kept or dropped from a layer on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch.utils.flop_counter import FlopCounterMode

from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.sweep.contract import Outcome
from workbench.sweep.generation import generate, key_value_bytes


@dataclass(frozen=True)
class Cost:
    """Sums over the prompts, each read and completed alone."""

    reading_seconds: float
    """Reading the prompts, up to the first token of each answer."""
    decoding_seconds: float
    """All tokens after the first."""
    reading_operations: float
    """Floating-point operations of the matrix products of reading, counted by PyTorch as they run."""
    decoding_operations: float
    key_value_bytes: float
    """Keys and values kept when the prompts have been read."""
    outcomes: tuple[Outcome, ...]
    """The completions."""


def formula(n_layers: int, context_until: int, examples: int) -> float:
    """Paper A's share of the computation saved: (L - r)/L x k/(k + 1); the query counts as one more example."""
    return (n_layers - context_until) / n_layers * examples / (examples + 1)


def cost(model: Model, prompts: Sequence[Prompt], context_until: int | None) -> Cost:
    """Complete the prompts one by one; from layer `context_until` on without their context, or None to keep it.

    Only the completion is wanted, so no reference is read. Time and operations are measured in separate runs, since
    counting takes time.
    """
    whole = [replace(prompt, reference_ids=prompt.reference_ids[:1]) for prompt in prompts]
    first = [replace(prompt, max_new_tokens=1) for prompt in whole]
    reading_seconds, _ = _timed(model, first, context_until)
    total_seconds, outcomes = _timed(model, whole, context_until)
    reading = _operations(model, first, context_until)
    total = _operations(model, whole, context_until)
    stored = sum(key_value_bytes(model, prompt, context_until=context_until) for prompt in whole)
    return Cost(
        reading_seconds,
        max(0.0, total_seconds - reading_seconds),
        reading,
        total - reading,
        float(stored),
        tuple(outcomes),
    )


def _timed(model: Model, prompts: Sequence[Prompt], context_until: int | None) -> tuple[float, list[Outcome]]:
    _wait(model)
    started = time.perf_counter()
    outcomes = generate(model, prompts, context_until=context_until, batch_size=1)
    _wait(model)
    return time.perf_counter() - started, outcomes


def _operations(model: Model, prompts: Sequence[Prompt], context_until: int | None) -> float:
    with FlopCounterMode(display=False) as counter:
        generate(model, prompts, context_until=context_until, batch_size=1)
    return float(counter.get_total_flops())


def _wait(model: Model) -> None:
    if model.hooked.W_E.is_cuda:
        torch.cuda.synchronize(model.hooked.W_E.device)
