"""How much memory a batch of the fast sweep takes, beside the model, worked out from shapes before anything is run.

What is stored (keys and values) is counted exactly, for two courses that a sweep may take: all completions of a prompt
agree, share their trunk and end with the references, or all differ and are as long as allowed. What a layer needs while
it works is counted by its largest tensors, when the prompts, the references or next tokens are read, whichever takes
most.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from workbench.estimates import announce
from workbench.sweep.attention import COPIED
from workbench.sweep.plan import Plan

LOGITS_AT_ONCE = 2**23
"""Numbers: logits are made for as many rows at a time."""
_RESIDUALS, _HEADS, _SCORES, _LOGITS = 8, 3, 3, 3
"""How many tensors of each size are held at once: residual stream; queries, keys and values; scores; logits."""


@dataclass(frozen=True)
class Estimate:
    """Bytes above what the process or the device held before."""

    weights: int
    """Attention weights that are laid out anew."""
    context: int
    """Keys and values of the context that the prompts share, of the clean run and of the conditions that change it."""
    own: int
    """Keys and values of the prompts' own tokens and of the completions, where every completion is different."""
    working: int
    """What the widest layer holds while it works, and logits."""
    agreeing: int
    """All of it, where completions agree, share their trunk and are no longer than the references."""
    model: int = 0
    """Weights of the model: they are there before."""

    @property
    def total(self) -> int:
        """All of it, where every completion is different."""
        return self.weights + self.context + self.own + self.working

    def __str__(self) -> str:
        parts = (
            f"weights laid out {_readable(self.weights)}, context keys and values {_readable(self.context)}, "
            f"own keys and values {_readable(self.own)}, batch at work {_readable(self.working)}"
        )
        fewer = f"; {_readable(self.agreeing)} where completions agree" if self.agreeing < self.total else ""
        return f"{_readable(self.total)} beside the model's {_readable(self.model)} ({parts}){fewer}"


def estimated(plan: Plan) -> Estimate:
    """The memory that a batch takes at its peak."""
    weights, context = _weights(plan), _context(plan)
    read = _stored(plan, plan.first_room, apart=False)
    at_work = max(_working(plan, plan.width), _working(plan, plan.draft) + _logits(plan))
    apart = _stored(plan, plan.capacity, apart=True)
    agreeing = _stored(plan, min(plan.capacity, max(plan.first_room, plan.width + 2 * plan.draft)), apart=False)
    # While next tokens are read, one layer's keys and values are there twice: moved to where there is room for more.
    moving = len(plan.rows) * plan.capacity * _bytes_of_a_column(plan) + _working(plan, 1)
    while_read = read + at_work
    own, working = (apart, moving) if apart + moving > while_read else (read, at_work)
    least = weights + context + max(while_read, agreeing + moving)
    return Estimate(weights, context, own, working, least, plan.model.weight_bytes)


def check_fits(plan: Plan) -> None:
    """Announce what a batch takes; refuse one that the device has no room for, before time is spent on it.

    Raises:
        MemoryError: the estimate is above what is free. A run then halves the batch and goes on.
    """
    estimate, free = estimated(plan), free_memory(plan.device)
    announce(estimate)
    # A single prompt cannot be halved, and completions that agree may take less than the estimate: let it try.
    if len(plan.prompts) > 1 and free is not None and estimate.total > free:
        raise MemoryError(
            f"A batch of {len(plan.prompts)} prompts under {plan.asked} conditions takes about {estimate}; "
            f"{_readable(free)} are free on {plan.device}. Use a smaller batch or fewer conditions at a time."
        )


def free_memory(device: torch.device) -> int | None:
    """Bytes that can still be used on a device; None where nothing tells."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + unused)
    if device.type != "cpu":
        return None
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            available = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(available.split()[1]) * 1024
    except (OSError, StopIteration):
        return None if not hasattr(os, "sysconf") else os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _context(plan: Plan) -> int:
    """Clean and changed prefix, and the copies that views with gaps read."""
    columns = sum(plan.prefix for _ in plan.layers)
    for view in plan.views:
        of_view = [index for index, its_view in enumerate(plan.view_of_condition) if plan.views[its_view] == view]
        first = min((plan.conditions[index].first_layer(plan.n_layers) for index in of_view), default=plan.n_layers)
        above = plan.n_layers - first
        columns += above * len(view.branched)
        if view.columns and (view.branched or len(view.columns) < plan.prefix):
            columns += above * (len(view.columns) + len(view.branched))
    return columns * _bytes_of_a_column(plan)


def _stored(plan: Plan, columns: int, *, apart: bool) -> int:
    """Keys and values of own tokens: of rows that have branched off, and of a trunk for each row or each prompt."""
    leads = [len(plan.lead(view) or ()) for view in range(len(plan.views))]
    total = 0
    depths = [0] * len(plan.prompts)
    for row in plan.rows:
        lead = leads[plan.view_of_condition[row.condition]]
        total += (plan.n_layers - row.first_layer) * (columns + lead)
        depths[row.prompt] = max(depths[row.prompt], row.first_layer)
    total -= len(plan.rows) * sum(plan.unread(layer).width for layer in range(plan.n_layers))
    trunks = sum(row.first_layer for row in plan.rows) if apart else sum(depths)
    return (total + trunks * (columns + leads[0])) * _bytes_of_a_column(plan)


def _working(plan: Plan, new: int) -> int:
    """What a layer holds while it reads some new tokens of every row."""
    cfg = plan.model.hooked.cfg
    tokens = len(plan.rows) * new
    gated = 3 if cfg.gated_mlp else 2
    of_token = _RESIDUALS * cfg.d_model + gated * (cfg.d_mlp or 0) + 2 * _HEADS * cfg.n_heads * cfg.d_head
    trunks = len(plan.prompts) * new
    columns = plan.width + plan.draft
    scores = _SCORES * cfg.n_heads * (tokens * columns + trunks * plan.prefix)
    attending = tokens * (_RESIDUALS // 2 * cfg.d_model + 2 * _HEADS * cfg.n_heads * cfg.d_head) + scores
    return max(tokens * of_token, attending) * _size(plan)


def _logits(plan: Plan) -> int:
    """Logits of the answers, and of as many rows of the references as are made at a time."""
    vocabulary = int(plan.model.hooked.cfg.d_vocab_out)
    answers = len(plan.rows) * vocabulary
    at_once = min(max(LOGITS_AT_ONCE, plan.draft * vocabulary), len(plan.rows) * plan.draft * vocabulary)
    return (answers + _LOGITS * at_once) * _size(plan)


def _weights(plan: Plan) -> int:
    """What is laid side by side, at layers small enough: queries, keys and values; gate and entrance."""
    cfg = plan.model.hooked.cfg
    heads = (cfg.n_heads + 2 * (cfg.n_key_value_heads or cfg.n_heads)) * cfg.d_head * cfg.d_model
    gated = 2 * cfg.d_model * (cfg.d_mlp or 0) if cfg.gated_mlp else 0
    return plan.n_layers * sum(numbers for numbers in (heads, gated) if numbers <= COPIED) * _size(plan)


def _bytes_of_a_column(plan: Plan) -> int:
    """Key and value of one token at one layer."""
    cfg = plan.model.hooked.cfg
    return 2 * (cfg.n_key_value_heads or cfg.n_heads) * cfg.d_head * _size(plan)


def _size(plan: Plan) -> int:
    return int(plan.model.hooked.W_E.element_size())


def _readable(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
