"""How the time to a recognition layer grows with depth, by the full sweep and by the adaptive one: 8, 16, 32 layers.

Time is that from prompts to layer and interval: the sweep, scoring and the bootstrap. Enough prompts for an interval
that can end below the last layer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Literal

import pandas as pd

from analyses import task_recognition
from benchmarks.clock import alternated
from benchmarks.counting import operations
from benchmarks.result import Bar, Result, Timing, ratio
from benchmarks.settings import EXAMPLES, FORMAT, SEED, Settings, Subject
from workbench.models.model import Model
from workbench.statistics.curves import summarise

Layers = Literal["full", "adaptive"]
Answers = Mapping[Layers, Callable[[], "Answer"]]
KINDS: tuple[Layers, ...] = ("full", "adaptive")
SHAPES = ("mini", "deep-16", "deep-32")
_PROMPTS = 200
_DOUBLING = {"full": 4.0, "adaptive": 2.8}
_ADAPTIVE = 3.0


@dataclass(frozen=True)
class Answer:
    """What a sweep says."""

    recognition: tuple[object, object, object]
    """Recognition layer and the ends of its interval, by the task's own score."""
    measured: int
    """Layers measured, the unmasked run aside."""


def measure(settings: Settings) -> Result:
    """Measure the row."""
    bars, timings = [], []
    runs: dict[str, Callable[[], Answer]] = {}
    depths: dict[str, tuple[Subject, Answers]] = {}
    for shape in (settings.shape,) if settings.shape else SHAPES:
        subject = Subject.of(settings, shape, _PROMPTS)
        kinds: Answers = {kind: partial(answer, settings, subject, kind) for kind in KINDS}
        depths[subject.shape] = subject, kinds
        runs |= {f"{subject.shape}, {kind}": run for kind, run in kinds.items()}
    answer(settings, subject, "adaptive")
    seconds, answers = alternated(runs, settings)
    for shape, (subject, kinds) in depths.items():
        layers, count = subject.model.n_layers, len(subject.prompts)
        full, adaptive = (Timing(shape, layers, kind, count, seconds[f"{shape}, {kind}"]) for kind in KINDS)
        timings += [full, adaptive]
        said, quick = (answers[f"{shape}, {kind}"] for kind in KINDS)
        last = subject is depths[list(depths)[-1]][0]
        bars.append(
            Bar(
                shape,
                "adaptive against the full sweep",
                ratio(full, adaptive),
                "times",
                _ADAPTIVE if last else None,
                counted=operations(kinds["full"]) / operations(kinds["adaptive"]) if last else None,
                differ=sum(mine != other for mine, other in zip(quick.recognition, said.recognition, strict=True)),
                compared=len(said.recognition),
                note=f"layer {said.recognition[0]} [{said.recognition[1]}, {said.recognition[2]}]; "
                f"{quick.measured} of {said.measured} layers measured",
            )
        )
    return Result([*_growth(timings), *bars], timings)


def answer(settings: Settings, subject: Subject, kind: Layers) -> Answer:
    """The recognition layer and its interval, by the analysis that the command line runs."""
    count = len(subject.prompts)
    config = task_recognition.Config(
        model=str(subject.folder),
        task=(settings.task,),
        format=FORMAT,
        examples=EXAMPLES,
        seeds=(SEED,),
        layers="adaptive" if kind == "adaptive" else None,
        limit=count,
        max_new_tokens=settings.max_new_tokens,
        device=settings.device,
    )
    model: Model = subject.model
    cells = task_recognition.cells(config)
    table = pd.concat([task_recognition.measure(config, cell, model) for cell in cells], ignore_index=True)
    recognition = summarise(table).recognition
    row = recognition[recognition["score"] == subject.task.score].iloc[0]
    layer, low, high = (None if pd.isna(row[name]) else int(row[name]) for name in ("layer", "low", "high"))
    measured = table.loc[table["from_layer"] < model.n_layers, "from_layer"].nunique()
    return Answer((layer, low, high), int(measured))


def _growth(timings: list[Timing]) -> list[Bar]:
    """How many times as long each sweep takes when layers double."""
    found = []
    for kind, at_most in _DOUBLING.items():
        of_kind = [timing for timing in timings if timing.peer == kind]
        for smaller, larger in itertools.pairwise(of_kind):
            what = f"{kind} sweep, {larger.layers} against {smaller.layers} layers"
            value = median(after / before for after, before in zip(larger.seconds, smaller.seconds, strict=True))
            found.append(Bar(larger.shape, what, value, "times", at_most, at_most=True))
    return found
