"""What a reproduction takes, before it is begun: layer-tokens, hours on the device found, memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pandas as pd

from workbench.errors import UserError
from workbench.gates import settings as gate_settings
from workbench.learning.presets import training_named
from workbench.lora import settings as adapter_settings
from workbench.models.model import Model
from workbench.models.skeleton import stored_numbers, thin_model
from workbench.prompt_sets import checked_task, prompts_of
from workbench.prompts import Prompt
from workbench.reproduction.experiments import Asked, Part, config_of
from workbench.reproduction.prompt_sets import TRAININGS, PromptSet, prompt_sets
from workbench.reproduction.rate import LAYERS, VOCABULARY, Rate, measured_rate
from workbench.reproduction.work import Epochs, Work, sweep_work, training_work
from workbench.views.text import plural

Find = Callable[[str], ModuleType]
"""From the name of an analysis to its module."""
SAMPLE = 16
"""Prompts that are counted, evenly spaced over the test set."""
_GIGA = 1e9


@dataclass(frozen=True)
class Ready:
    """A part that can be run."""

    part: Part
    config: Any
    analysis: ModuleType
    prompts: int
    """Test prompts of a seed."""
    work: Work


@dataclass(frozen=True)
class LeftOut:
    """A part that cannot be run here, and why."""

    part: Part
    reason: str


@dataclass(frozen=True)
class Prepared:
    """What will be run."""

    ready: tuple[Ready, ...]
    left_out: tuple[LeftOut, ...]
    rate: Rate
    model_bytes: int

    def hours(self, work: Work, *, at_most: bool = False) -> float:
        """Hours on this device."""
        rate = self.rate
        writing, training = (work.writing_at_most, work.training_at_most) if at_most else (work.writing, work.training)
        return (work.reading * rate.reading + writing * rate.writing + training * rate.training) / 3600

    def table(self) -> pd.DataFrame:
        """For a reader: a row for each run, then all."""
        rows = [
            {"Experiment": one.part.experiment, "Run": one.part.name, "Prompts": str(one.prompts), **self._takes([one])}
            for one in self.ready
        ]
        total = {"Experiment": "all", "Run": plural(len(self.ready), "run"), "Prompts": "", **self._takes(self.ready)}
        return pd.DataFrame([*rows, total])

    def _takes(self, runs: Sequence[Ready]) -> dict[str, str]:
        work = sum((ready.work for ready in runs), Work())
        # An adapter is trained on Hugging Face's own model, beside the one that is measured.
        copies = 2 if any(ready.part.analysis == "single-layer-lora" for ready in runs) else 1
        return {
            "Layer-tokens": counted(work.expected),
            "at most": counted(work.at_most),
            "Time": duration(self.hours(work)),
            "at most ": duration(self.hours(work, at_most=True)),
            "Memory": f"{(self.model_bytes * copies + work.batch_bytes) / _GIGA:.2g} GB",
        }


def counted(count: int) -> str:
    """A large number in words, for a reader: `310 thousand`, `4.2 billion`."""
    for size, word in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (10**3, "thousand")):
        if count >= size:
            share = count / size
            return f"{share:.0f} {word}" if share >= 10 else f"{share:.1f} {word}"
    return str(count)


def duration(hours: float) -> str:
    """Hours, minutes or seconds, for a reader."""
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{hours * 60:.1f} min" if hours >= 1 / 60 else f"{hours * 3600:.0f} s"


def prepare(parts: Sequence[Part], model: Model, asked: Asked, find: Find) -> Prepared:
    """Find out which parts can be run, and what they take; the model's weights are not read.

    Args:
        parts: what would be run.
        model: the skeleton of the model.
        asked: what the person asked for.
        find: from the name of an analysis to its module.

    Raises:
        UserError: nothing can be run, or a part that was named cannot.
    """
    ready: list[Ready] = []
    left_out: list[LeftOut] = []
    for part in parts:
        try:
            ready.append(_ready(part, find, model))
        except UserError as error:
            if asked.only:
                raise
            left_out.append(LeftOut(part, str(error)))
    if not ready:
        raise UserError(left_out[0].reason if left_out else "There is nothing to run: name other directions.")
    return Prepared(
        tuple(ready),
        tuple(left_out),
        _rate(ready[0], asked, model),
        stored_numbers(asked.model, asked.revision) * model.hooked.cfg.dtype.itemsize,
    )


def _ready(part: Part, find: Find, model: Model) -> Ready:
    analysis = find(part.analysis)
    config = config_of(part, analysis.Config)
    analysis.cells(config)
    sets = prompt_sets(part, config, model.n_layers, model.n_layers)
    sampled = [(some, *_sample(model, config, some)) for some in sets]
    work = Work()
    for some, sample, total in sampled:
        swept = sweep_work(model, sample, some.conditions, total=total, batch_size=config.batch_size)
        # Trainings count their seeds in `times`; without examples there is nothing that a seed would draw.
        seeds = 1 if part.analysis in TRAININGS or not some.examples else len(config.seeds)
        for _ in range(some.times * seeds):
            work += swept
    if part.analysis in TRAININGS:
        work += _trained(part, config, model, sampled)
    return Ready(part, config, analysis, sampled[0][2], work)


def _sample(model: Model, config: Any, some: PromptSet) -> tuple[list[Prompt], int]:
    """Some of the prompts, evenly spaced, and how many there are."""
    asked: dict[str, Any] = {"format": some.format, "examples": some.examples}
    task = checked_task(config.task[0], **asked, data=config.data, max_new_tokens=config.max_new_tokens)
    items = task.limited(config.limit)
    step = max(1, len(items) // SAMPLE)
    chosen = items[::step][: min(SAMPLE, config.batch_size)]
    return prompts_of(model, task, chosen, **asked, seed=config.seeds[0]), len(items)


def _trained(part: Part, config: Any, model: Model, sampled: Sequence[tuple[PromptSet, list[Prompt], int]]) -> Work:
    """All trainings of a run."""
    layers = range(model.n_layers)
    items = {"training_items": config.training_items, "validation_items": config.validation_items}
    if part.analysis == "single-layer-lora":
        lora = training_named(adapter_settings.presets(config.official_defects), config.preset, items)
        lasting = Epochs(lora.training_items, lora.validation_items, lora.epochs, lora.patience, lora.training_batch)
        # Each layer alone, and all of them together, down to the first.
        found = [training_work(model, sampled[0][1], lasting, first) for first in (*layers, 0)]
        return sum(found * len(config.seeds), Work())
    gates = training_named(gate_settings.PRESETS, config.preset, items)
    lasting = Epochs(gates.training_items, gates.validation_items, gates.epochs, gates.patience, gates.training_batch)
    found = [
        training_work(model, sample, lasting, 0, scores=True)
        for some, sample, _ in sampled
        if some.examples in config.training_examples
    ]
    return sum(found * len(config.penalties) * len(config.seeds), Work())


def _rate(ready: Ready, asked: Asked, model: Model) -> Rate:
    """Measured with the prompts and as many conditions as the first run has."""
    layers, device = min(LAYERS, model.n_layers), asked.device.partition(",")[0]
    small = {"layers": layers, "vocabulary": VOCABULARY}
    thin = thin_model(asked.model, asked.revision, **small, dtype=model.hooked.cfg.dtype, device=device)
    first = prompt_sets(ready.part, ready.config, model.n_layers, layers)[0]
    sample, _ = _sample(model, ready.config, first)
    return measured_rate(thin, sample, first.conditions)
