"""The sets of prompts that a run has, and the conditions that each is run under: what its cost is counted from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.interventions import AttentionRemoval, Clean, Condition, ContextMask
from workbench.reproduction.experiments import Part

TRAININGS = ("single-layer-lora", "head-gates")
"""Analyses that train."""


@dataclass(frozen=True)
class PromptSet:
    """Prompts of one kind."""

    format: str
    examples: int
    conditions: tuple[Condition, ...]
    times: int = 1
    """How often it is run: once for each training that is tested on it."""


def prompt_sets(part: Part, config: Any, count: int, n_layers: int) -> list[PromptSet]:
    """The sets of a run, the largest number of conditions first.

    Args:
        part: what is run.
        config: its settings.
        count: layers at which each mask or removal is tried.
        n_layers: of the model that the conditions are for; with fewer than `count` they are used several times.
    """
    return _SETS[part.analysis](config, [index % n_layers for index in range(count)])


def _masked(masks: Sequence[str], layers: Sequence[int]) -> tuple[Condition, ...]:
    return (Clean(), *(ContextMask.named(mask, layer) for mask in masks for layer in layers))


def _masking(config: Any, layers: Sequence[int]) -> list[PromptSet]:
    return [
        PromptSet(config.instruction_format, config.examples, _masked(config.masks, layers)),
        PromptSet(config.plain_format, config.examples, _masked(config.plain_masks, layers)),
        PromptSet(config.instruction_format, 0, (Clean(),)),
    ]


def _counts(config: Any, layers: Sequence[int]) -> list[PromptSet]:
    counts = sorted(config.examples, reverse=True)
    return [PromptSet(config.format, count, _masked([config.mask] if count else [], layers)) for count in counts]


def _removal(config: Any, layers: Sequence[int]) -> list[PromptSet]:
    found = []
    for shows in dict.fromkeys((*config.prompts, *config.baselines)):
        instructed, shown = shows in ("both", "instruction"), shows in ("both", "examples")
        removed = (AttentionRemoval((layer,)) for layer in layers) if shows in config.prompts else ()
        format_ = config.instruction_format if instructed else config.plain_format
        found.append(PromptSet(format_, config.examples if shown else 0, (Clean(), *removed)))
    return found


def _lora(config: Any, layers: Sequence[int]) -> list[PromptSet]:
    # Untrained, and after training each layer and all of them.
    times = 1 + (len(layers) + 1) * len(config.seeds)
    return [PromptSet(format_, 0, (Clean(),), times) for format_ in config.formats]


def _gates(config: Any, layers: Sequence[int]) -> list[PromptSet]:
    trainings = len(config.penalties) * len(config.training_examples) * len(config.seeds)
    times = (1 + trainings) * (1 + len(config.test_tasks))
    return [PromptSet(config.format, examples, (Clean(),), times) for examples in config.test_examples]


_SETS: Mapping[str, Callable[[Any, Sequence[int]], list[PromptSet]]] = {
    "context-masking": _masking,
    "number-of-examples": _counts,
    "attention-removal": _removal,
    "single-layer-lora": _lora,
    "head-gates": _gates,
}
