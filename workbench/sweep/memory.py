"""How much memory a batch of the fast sweep takes, beside the model, worked out from shapes before anything is run.

What is stored (keys and values) is exact when the prompts have been read; while completions part, the trunk's share
grows to what is counted here at most. What a layer needs while it works is counted by its largest tensors.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from workbench.sweep.plan import Plan

_RESIDUALS, _HIDDEN, _SCORES = 6, 3, 4
"""How many tensors of each size a layer holds at once: residual stream, inside of the feed-forward, attention scores."""


@dataclass(frozen=True)
class Estimate:
    """Bytes."""

    context: int
    """Keys and values of the context that the prompts share, of the clean run and of the conditions that change it."""
    own: int
    """Keys and values of the prompts' own tokens and of the completions, where every completion is different."""
    working: int
    """What the widest layer holds while it works, and the logits of the answer."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.context + self.own + self.working

    def __str__(self) -> str:
        parts = f"context {_readable(self.context)}, own tokens {_readable(self.own)}, work {_readable(self.working)}"
        return f"{_readable(self.total)} beside the model ({parts})"


def estimated(plan: Plan) -> Estimate:
    """The memory that a batch takes."""
    return Estimate(_context(plan), _own(plan), _working(plan))


def check_fits(plan: Plan) -> None:
    """Refuse a batch that the device has no room for, before time is spent on it.

    Raises:
        MemoryError: the estimate is above what is free. A run then halves the batch and goes on.
    """
    estimate, free = estimated(plan), free_memory(plan.device)
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


def _own(plan: Plan) -> int:
    """At every layer, rows that have branched off have a store of their own; the others at most one each."""
    longest = max((prompt.max_new_tokens for prompt in plan.prompts), default=0)
    rows = len(plan.rows) * plan.n_layers
    return rows * (plan.width + longest) * _bytes_of_a_column(plan)


def _working(plan: Plan) -> int:
    cfg = plan.model.hooked.cfg
    tokens = len(plan.rows) * plan.width
    of_token = _RESIDUALS * cfg.d_model + _HIDDEN * (cfg.d_mlp or 0) + 4 * cfg.n_heads * cfg.d_head
    scores = _SCORES * cfg.n_heads * tokens * (plan.prefix + plan.width)
    logits = 2 * len(plan.rows) * cfg.d_vocab_out
    return (max(tokens * of_token, scores) + logits) * _size(plan)


def _bytes_of_a_column(plan: Plan) -> int:
    """Key and value of one token at one layer."""
    cfg = plan.model.hooked.cfg
    return 2 * (cfg.n_key_value_heads or cfg.n_heads) * cfg.d_head * _size(plan)


def _size(plan: Plan) -> int:
    return int(plan.model.hooked.W_E.element_size())


def _readable(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
