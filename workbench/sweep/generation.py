"""Greedy completion that stops carrying the context once the task is recognised: paper A's saving, realised."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from workbench.interventions.conditions import Clean, Condition, ContextMask
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.sweep import engine
from workbench.sweep.attention import layers_of
from workbench.sweep.context import Context
from workbench.sweep.contract import Outcome
from workbench.sweep.plan import Counts, Plan


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
    once; where prompts have contexts of their own, they are read side by side. Without `context_until` nothing is left
    out. Divergences are NaN: there is no clean run to diverge from.

    Raises:
        UserError: a prompt without instructions and examples, or a model that the fast engine does not run.
    """
    conditions = [_condition(context_until)]
    return engine.sweep(model, prompts, conditions, batch_size=batch_size, counts=counts, compare=False)


@torch.inference_mode()
def key_value_bytes(model: Model, prompt: Prompt, *, context_until: int | None = None) -> int:
    """Bytes of the keys and values that are kept once a prompt has been read: the context's, and the query's own."""
    plan = Plan(model, layers_of(model.hooked), [prompt], [_condition(context_until)], Counts(), False)
    cfg = model.hooked.cfg
    of_token = 2 * (cfg.n_key_value_heads or cfg.n_heads) * cfg.d_head * model.hooked.W_E.element_size()
    own = sum(plan.width - plan.unread(layer).width for layer in range(model.n_layers))
    return Context(plan).stored_bytes + own * of_token


def _condition(context_until: int | None) -> Condition:
    return Clean() if context_until is None else ContextMask.named("TTF", context_until)
