"""Reading a prompt with its context dropped above layer 14 of 32 (five examples) against reading it with its context."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from benchmarks.clock import alternated
from benchmarks.result import Bar, Result, Timing, ratio
from benchmarks.settings import EXAMPLES, Settings, Subject, completions_only
from workbench.savings import counted, formula
from workbench.sweep.generation import generate

_LAYER = 14 / 32
_TIME, _MEMORY = 0.40, 0.45


def measure(settings: Settings) -> Result:
    """Measure the row. Prompts are read one by one, up to the first token of the answer."""
    subject = Subject.of(settings, "deep-32", 8)
    model = subject.model
    prompts = [replace(prompt, max_new_tokens=1) for prompt in completions_only(subject.prompts)]
    layer = max(1, round(model.n_layers * _LAYER))
    peers = {"full context": None, f"context until layer {layer}": layer}
    costs = [counted(model, prompts[:1], until) for until in peers.values()]
    runs = {name: partial(generate, model, prompts, context_until=until, batch_size=1) for name, until in peers.items()}
    seconds, _ = alternated(runs, settings)
    full, dropped = (
        Timing(subject.shape, model.n_layers, f"reading, {name}", len(prompts), taken)
        for name, taken in seconds.items()
    )
    what = f"context dropped from layer {layer} of {model.n_layers} on, {EXAMPLES} examples"
    operations = 1 - costs[1].reading_operations / costs[0].reading_operations
    papers = formula(model.n_layers, layer, EXAMPLES)
    return Result(
        [
            Bar(
                subject.shape,
                f"time of reading saved, {what}",
                1 - 1 / ratio(full, dropped),
                "share",
                _TIME,
                counted=operations,
                note=f"{full.a_prompt * 1000:.0f} ms a prompt with full context; paper A's formula: {papers:.1%}",
            ),
            Bar(
                subject.shape,
                f"key/value memory saved after reading, {what}",
                1 - costs[1].key_value_bytes / costs[0].key_value_bytes,
                "share",
                _MEMORY,
                note=f"{costs[0].key_value_bytes / 1e6:.2f} MB for the first prompt with full context",
            ),
        ],
        [full, dropped],
    )
