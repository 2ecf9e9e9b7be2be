"""At which positions a condition acts: the selectors of `Prompt.positions`, and two more."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from workbench.errors import UserError
from workbench.prompts import Prompt

EVERYWHERE = ("all",)
"""Every position: of the prompt, and of what is generated."""
ANSWERING = ("query", "completion")
"""Every position behind the context."""
LAST = "last:"
"""Before a selector: of every unbroken stretch of positions that it selects, the last one (`last:examples.target`)."""


def selected_positions(prompt: Prompt, selectors: Sequence[str]) -> tuple[int, ...]:
    """Positions of the prompt that are selected, ascending.

    Args:
        prompt: the prompt.
        selectors: as `Prompt.positions` takes them; also `all` (every position, generated ones too), `answer` (the
            prompt's last position, from which the first token of the completion is read), and those after `LAST`.

    Raises:
        UserError: there is no such segment.
    """
    everything = range(len(prompt.token_ids))
    ends = [selector for selector in selectors if selector.startswith(LAST)]
    chosen = set(prompt.positions(*(each for each in selectors if each not in ("all", "answer", *ends))))
    for selector in ends:
        stretches = set(prompt.positions(selector.removeprefix(LAST)))
        chosen.update(position for position in stretches if position + 1 not in stretches)
    if "all" in selectors:
        chosen.update(everything)
    if "answer" in selectors:
        chosen.add(everything[-1])
    return tuple(sorted(chosen))


def selects_completion(selectors: Sequence[str]) -> bool:
    """Whether what is generated is selected."""
    return "completion" in selectors or "all" in selectors


def first_position(prompt: Prompt, selectors: Sequence[str]) -> int:
    """The first position selected; the prompt's length if only what is generated is."""
    return min(selected_positions(prompt, selectors), default=len(prompt.token_ids))


def selected_columns(prompts: Sequence[Prompt], selectors: Sequence[str]) -> Bool[Tensor, "prompt position"]:
    """Selected prompt columns, in a batch padded on the left to its longest prompt; padding is never selected."""
    width = max(len(prompt.token_ids) for prompt in prompts)
    columns = torch.zeros(len(prompts), width, dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        positions = selected_positions(prompt, selectors)
        columns[row, torch.tensor(positions, dtype=torch.long) + width - len(prompt.token_ids)] = True
    return columns


def check_selects_something(name: str, prompts: Sequence[Prompt], selectors: Sequence[str]) -> None:
    """Refuse positions that one of the prompts lacks: the condition would do nothing there.

    Raises:
        UserError: there is such a prompt.
    """
    for prompt in prompts:
        if not selects_completion(selectors) and not selected_positions(prompt, selectors):
            raise UserError(
                f"Condition {name!r} acts on {', '.join(selectors) or 'no position'}, and prompt {prompt.name!r} has "
                "none of them: give examples or a format with instructions, or other positions."
            )
