"""How many layer-tokens a peer needs (one layer applied to one token, padding and finished completions left out), and what
a run computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from workbench.prompts import Prompt

_PRODUCTS = ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm")
Completed = dict[tuple[str, int], tuple[int, ...]]
"""Tokens by prompt and layer, up to and with the one that ends them."""


def needed(
    prompts: Sequence[Prompt],
    completed: Mapping[tuple[str, int], Sequence[int]],
    n_layers: int,
    *,
    shared: int = 0,
    always: int | None = None,
) -> int:
    """Layer-tokens of a sweep that runs every layer anew for every condition.

    Each condition reads each prompt and every token of its completion but the last, which nothing follows.

    Args:
        prompts: the prompts.
        completed: their completions under each condition.
        n_layers: layers of the model.
        shared: leading tokens that are read once for all prompts and conditions.
        always: tokens that every completion is made to have, whatever the stop rule says.
    """
    own = {prompt.name: len(prompt.token_ids) - shared for prompt in prompts}
    tokens = sum(own[name] + (always or len(completion)) - 1 for (name, _), completion in completed.items())
    return n_layers * (shared + tokens)


def differing(ours: Mapping[tuple[str, int], object], theirs: Mapping[tuple[str, int], object]) -> int:
    """How many of their completions differ from ours."""
    return sum(tokens != ours[key] for key, tokens in theirs.items())


def operations(run: Callable[[], object]) -> float:
    """Floating-point operations of the matrix products that a run makes, counted by PyTorch."""
    with FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())


def product_share(run: Callable[[], object]) -> float:
    """Share of a run's time on the processor that goes into matrix products, by PyTorch's profiler."""
    with profile(activities=[ProfilerActivity.CPU]) as watched:
        run()
    found = watched.key_averages()
    products = sum(each.self_cpu_time_total for each in found if each.key in _PRODUCTS)
    return float(products / sum(each.self_cpu_time_total for each in found))
