"""Reading a prompt with its context dropped above layer 14 of 32 (five examples) against reading it with its context.

Prompts are read one by one, and many together; then each has examples of its own, since what prompts share is read once
for all of them and there is less to drop.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from benchmarks.clock import alternated
from benchmarks.counting import operations
from benchmarks.result import Bar, Result, Timing, ratio
from benchmarks.settings import EXAMPLES, FORMAT, Settings, Subject, completions_only
from workbench.masking.savings import formula
from workbench.prompt_sets import prompts_of
from workbench.prompts import Prompt
from workbench.sweep.generation import generate, key_value_bytes

_LAYER = 14 / 32
_TIME, _MEMORY = 0.40, 0.45
_PROMPTS = 32


def measure(settings: Settings) -> Result:
    """Measure the row, up to the first token of each answer."""
    subject = Subject.of(settings, "deep-32", _PROMPTS)
    model = subject.model
    prompts = _own_examples(subject)
    layer = max(1, round(model.n_layers * _LAYER))
    sizes = {"one by one": 1, f"{len(prompts)} together": len(prompts)}
    untils = {"full context": None, f"context until layer {layer}": layer}
    runs = {
        f"{name}, {how}": partial(generate, model, prompts, context_until=until, batch_size=size)
        for name, size in sizes.items()
        for how, until in untils.items()
    }
    generate(model, prompts[:2], batch_size=1)
    seconds, _ = alternated(runs, settings)
    timings = {
        name: Timing(subject.shape, model.n_layers, f"reading, {name}", len(prompts), taken)
        for name, taken in seconds.items()
    }
    what = f"context dropped from layer {layer} of {model.n_layers} on, {EXAMPLES} examples"
    papers = formula(model.n_layers, layer, EXAMPLES)
    bars = []
    for name in sizes:
        full, dropped = (f"{name}, {how}" for how in untils)
        bars.append(
            Bar(
                subject.shape,
                f"time of reading saved, {what}, {name}",
                1 - 1 / ratio(timings[full], timings[dropped]),
                "share",
                _TIME,
                counted=1 - operations(runs[dropped]) / operations(runs[full]),
                note=f"{timings[full].a_prompt * 1000:.0f} ms a prompt with full context; paper A's formula: {papers:.1%}",
            )
        )
    whole, kept = (
        sum(key_value_bytes(model, prompt, context_until=until) for prompt in prompts) for until in (None, layer)
    )
    memory = Bar(
        subject.shape,
        f"key/value memory saved after reading, {what}",
        1 - kept / whole,
        "share",
        _MEMORY,
        note=f"{whole / len(prompts) / 1e6:.2f} MB a prompt with full context",
    )
    return Result([*bars, memory], list(timings.values()))


def _own_examples(subject: Subject) -> list[Prompt]:
    """Each item of the subject's prompts behind examples of its own."""
    items = subject.task.test[: len(subject.prompts)]
    asked: dict[str, Any] = {"format": FORMAT, "examples": EXAMPLES}
    several = [
        prompts_of(subject.model, subject.task, [item], seed=seed, **asked)[0] for seed, item in enumerate(items)
    ]
    return [replace(prompt, max_new_tokens=1) for prompt in completions_only(several)]
