"""How much a run computes, counted from its prompts and conditions before anything is run.

The unit is the layer-token: one layer applied to one token. What the fast sweep reads (prompts and references) is counted
exactly. What it writes depends on the completions: as long as the references where nothing better is known, as long as they may
be at most, and no two alike, since completions that agree share what they cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from workbench.interventions import Condition
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.sweep.attention import layers_of
from workbench.sweep.memory import estimated
from workbench.sweep.plan import Counts, Plan
from workbench.sweep.rows import prefix_length

_KEPT, _LOGITS = 4, 3
"""Tensors as wide as the residual stream, and as all heads, that a layer keeps for gradients; logits held at once."""


@dataclass(frozen=True)
class Work:
    """Layer-tokens, and what a batch takes beside the model."""

    reading: int = 0
    """Of prompts and references."""
    writing: int = 0
    """Of completions as long as the references."""
    writing_at_most: int = 0
    """Of completions as long as they may be."""
    training: int = 0
    """Up and back down, of trainings that stop as soon as they may."""
    training_at_most: int = 0
    """Of trainings that take all their epochs."""
    batch_bytes: int = 0
    """The largest batch."""

    def __add__(self, other: Work) -> Work:
        return Work(
            self.reading + other.reading,
            self.writing + other.writing,
            self.writing_at_most + other.writing_at_most,
            self.training + other.training,
            self.training_at_most + other.training_at_most,
            max(self.batch_bytes, other.batch_bytes),
        )

    @property
    def expected(self) -> int:
        """All of it."""
        return self.reading + self.writing + self.training

    @property
    def at_most(self) -> int:
        """All of it."""
        return self.reading + self.writing_at_most + self.training_at_most


def sweep_work(
    model: Model, sample: Sequence[Prompt], conditions: Sequence[Condition], *, total: int, batch_size: int
) -> Work:
    """What the fast sweep computes.

    Args:
        model: a skeleton is enough.
        sample: some of the prompts, at most a batch of them.
        conditions: as they would be run.
        total: how many prompts there are.
        batch_size: prompts run together; each batch reads the context that its prompts share once.
    """
    plan = Plan(model, layers_of(model.hooked), sample, conditions, Counts(), compare=True)
    share = total / len(sample)
    reading = _context(plan) * ceil(total / batch_size) + round(_own(plan) * share)
    # Completions that differ share nothing: each of them walks up all layers by itself.
    alone = len(conditions) * model.n_layers
    references = sum(min(len(p.reference_ids), p.max_new_tokens) - 1 for p in sample if p.reference_ids)
    longest = sum(p.max_new_tokens - 1 for p in sample)
    batch = round(estimated(plan).total * min(batch_size, total) / len(sample))
    return Work(reading, round(alone * references * share), round(alone * longest * share), batch_bytes=batch)


@dataclass(frozen=True)
class Epochs:
    """How long a training takes, and how much of it is in a step."""

    training_items: int
    validation_items: int
    epochs: int
    """At most."""
    patience: int
    """Epochs without an improvement, after which it stops."""
    batch: int
    """Items in a step."""


def training_work(model: Model, sample: Sequence[Prompt], lasting: Epochs, first: int, *, scores: bool = False) -> Work:
    """What a training computes: up all layers and back down to `first`, the lowest that is trained.

    Args:
        model: a skeleton is enough.
        sample: some of what it learns from, as prompts, of which the mean length is taken.
        lasting: how long.
        first: the lowest layer trained.
        scores: whether attention keeps its scores for the gradients, as TransformerLens's does and Hugging Face's does not.
    """
    tokens = sum(len(p.token_ids) + len(p.reference_ids) for p in sample) / len(sample)
    up, down = model.n_layers, model.n_layers - first
    epoch = tokens * (lasting.training_items * (up + down) + lasting.validation_items * up)
    fewest = min(lasting.epochs, lasting.patience + 1)
    return Work(
        training=round(epoch * fewest),
        training_at_most=round(epoch * lasting.epochs),
        batch_bytes=_kept_for_gradients(model, sample, min(lasting.batch, lasting.training_items), first, scores),
    )


def _kept_for_gradients(model: Model, sample: Sequence[Prompt], batch: int, first: int, scores: bool) -> int:
    """Bytes that a step of a training keeps from its way up for its way back down to `first`, logits among them.

    Weights are frozen, so that what enters a product need not be kept.
    """
    cfg = model.hooked.cfg
    longest = max(len(p.token_ids) + len(p.reference_ids) for p in sample)
    # What all items of a step begin with, their examples, goes through the model once.
    shared = prefix_length(sample)
    tokens = shared + batch * (longest - shared)
    heads = cfg.n_heads * cfg.d_head
    # Written out, as by GPT-2 and its like, a GELU keeps six.
    of_token = _KEPT * (cfg.d_model + heads) + (3 if cfg.gated_mlp else 6) * (cfg.d_mlp or 0)
    of_token += 2 * cfg.n_heads * longest if scores else 0
    numbers = (model.n_layers - first) * tokens * of_token + _LOGITS * batch * (longest - shared) * cfg.d_vocab_out
    return int(numbers * cfg.dtype.itemsize)


def _context(plan: Plan) -> int:
    """Of the prefix that a batch shares: the clean run's, and that of each condition that changes it."""
    changed = sum(
        len(view.branched) * (plan.n_layers - plan.conditions[view.condition].first_layer(plan.n_layers))
        for view in plan.views
        if view.condition is not None
    )
    return plan.prefix * plan.n_layers + changed


def _own(plan: Plan) -> int:
    """Of the prompts' own tokens and of their references. A condition that changes the completion alone branches off behind
    the prompt."""
    total = 0
    for number, prompt in enumerate(plan.prompts):
        rows = [row for row in plan.rows if row.prompt == number]
        total += (len(prompt.token_ids) - plan.prefix) * _passes(plan, [row.reads_from for row in rows])
        total += max(0, len(prompt.reference_ids) - 1) * _passes(plan, [row.first_layer for row in rows])
    return total


def _passes(plan: Plan, first: Sequence[int]) -> int:
    """Layers that a token goes through in all rows of its prompt: the trunk's, and each branch's above its first."""
    return max(first) + sum(plan.n_layers - layer for layer in first)
