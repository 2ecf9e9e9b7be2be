"""How fast this device computes layers of a model's shape: the fast sweep itself, timed on two of them with random weights."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from workbench.interventions import Condition
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.sweep.engine import sweep
from workbench.sweep.plan import Counts

LAYERS, VOCABULARY = 2, 512
"""Of the model that is timed."""
_LONG_ENOUGH = 0.3
"""Seconds: a run that takes as long is not made larger."""
_BATCH = 16
"""Pairs in the measurement of training."""
_TOKENS = 8
"""Written by every completion in the measurement of writing."""


@dataclass(frozen=True)
class Rate:
    """Seconds for a layer-token."""

    reading: float
    writing: float
    training: float
    """Up the layers or back down, for many pairs at a time."""


def measured_rate(thin: Model, sample: Sequence[Prompt], conditions: Sequence[Condition]) -> Rate:
    """Time a few prompts under conditions of a model of `LAYERS` layers and `VOCABULARY` tokens.

    Prompts are added until a run takes a third of a second, or all of the sample is in it. Scoring and the answers' way to
    the vocabulary are not in it.
    """
    prompts = [_small(prompt) for prompt in sample]
    _timed(thin, prompts[:1], conditions, 1)  # The first run pays for what later ones find ready.
    count = 1
    while True:
        seconds, tokens = _timed(thin, prompts[:count], conditions, 1)
        if seconds > _LONG_ENOUGH or count >= len(prompts):
            break
        count = min(len(prompts), 2 * count)
    more_seconds, more_tokens = _timed(thin, prompts[:count], conditions, _TOKENS)
    reading = seconds / tokens
    writing = (more_seconds - seconds) / (more_tokens - tokens) if more_tokens > tokens else reading
    return Rate(reading, max(writing, reading), min(reading, _training(thin, prompts)))


@torch.inference_mode()
def _training(thin: Model, prompts: Sequence[Prompt]) -> float:
    """Seconds for a layer-token of a batch as trainings have them; the way down is taken to be as fast as the way up."""
    longest = max(len(prompt.token_ids) for prompt in prompts)
    tokens = torch.zeros(_BATCH, longest, dtype=torch.long, device=thin.hooked.W_E.device)
    for _ in range(2):  # The first run pays for what the second finds ready.
        began = _now(tokens.device)
        thin.hooked(tokens, return_type=None)
        seconds = _now(tokens.device) - began
    return seconds / (tokens.numel() * thin.n_layers)


def _now(device: torch.device) -> float:
    """The time when the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _small(prompt: Prompt) -> Prompt:
    """The prompt with token ids that the small vocabulary has."""
    ids = tuple(token % VOCABULARY for token in prompt.token_ids)
    return replace(prompt, token_ids=ids, reference_ids=tuple(token % VOCABULARY for token in prompt.reference_ids))


def _timed(thin: Model, prompts: Sequence[Prompt], conditions: Sequence[Condition], longest: int) -> tuple[float, int]:
    """Seconds and layer-tokens of one run."""
    counts = Counts()
    some = [replace(prompt, max_new_tokens=longest, stop=()) for prompt in prompts]
    device = thin.hooked.W_E.device
    began = _now(device)
    sweep(thin, some, conditions, batch_size=len(some), counts=counts)
    return _now(device) - began, counts.layer_tokens
