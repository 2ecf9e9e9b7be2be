"""Greedy completion that stops carrying the context once the task is recognised: paper A's saving, realised."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.interventions.conditions import Clean, Condition, ContextMask
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.sweep import engine
from workbench.sweep.contract import Outcome


def generate(
    model: Model,
    prompts: Sequence[Prompt],
    *,
    context_until: int | None = None,
    batch_size: int = 32,
    counts: engine.Counts | None = None,
) -> list[Outcome]:
    """Complete prompts; from layer `context_until` on, instructions and examples are neither computed nor stored.

    The completions are those of the mask `TTF` from that layer. Context that all prompts of a batch share is read
    once. Without `context_until` nothing is left out. Divergences are NaN: there is no clean run to diverge from.

    Raises:
        UserError: a prompt without instructions and examples, or a model that the fast engine does not run.
    """
    condition: Condition = Clean() if context_until is None else ContextMask.named("TTF", context_until)
    return engine.sweep(model, prompts, [condition], batch_size=batch_size, counts=counts, compare=False)
