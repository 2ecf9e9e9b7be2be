"""The fast sweep against the plain reference in TransformerLens: completions, log-probabilities and divergences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from benchmarks.clock import alternated
from benchmarks.counting import Completed, differing
from benchmarks.result import Bar, Result, Timing, ratio
from benchmarks.settings import Settings, Subject
from workbench.interventions import Condition
from workbench.sweep import Outcome, engine, reference

Asked = tuple[Sequence[Condition], float | None]
"""Conditions, and the ratio that is to be reached."""


def against_reference(settings: Settings, subject: Subject, asked: Mapping[str, Asked]) -> Result:
    """Both engines on each set of conditions, by what the set is called."""
    model, prompts = subject.model, subject.prompts
    bars, timings = [], []
    for name, (conditions, at_least) in asked.items():
        runs = {
            "fast": partial(engine.sweep, model, prompts, conditions, batch_size=len(prompts)),
            "reference": partial(reference.sweep, model, prompts, conditions, batch_size=len(prompts)),
        }
        engine.sweep(model, prompts[:1], conditions)
        print(f"  {name}: {len(conditions)} conditions", flush=True)
        seconds, outcomes = alternated(runs, settings)
        ours, theirs = (
            Timing(subject.shape, model.n_layers, f"{peer}: {name}", len(prompts), taken)
            for peer, taken in seconds.items()
        )
        timings += [ours, theirs]
        mine, other = _tokens(outcomes["fast"]), _tokens(outcomes["reference"])
        bars.append(
            Bar(
                subject.shape,
                f"TransformerLens reference: {name}",
                ratio(theirs, ours),
                "times",
                at_least,
                differ=differing(mine, other),
                compared=len(other),
                note=f"{len(conditions)} conditions",
            )
        )
    return Result(bars, timings)


def _tokens(outcomes: Sequence[Outcome]) -> Completed:
    return {(outcome.prompt, outcome.condition): outcome.token_ids for outcome in outcomes}
