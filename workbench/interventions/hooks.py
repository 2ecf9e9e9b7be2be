"""From a condition to the hooks that it becomes on one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch

from workbench.interventions.conditions import Clean, Condition, ContextMask
from workbench.interventions.context_mask import ContextMaskHooks
from workbench.interventions.edit_checks import Shape
from workbench.interventions.edit_hooks import EditHooks
from workbench.interventions.faults import Hook
from workbench.interventions.own_hooks import OwnHooks, OwnHooksAtWork
from workbench.prompts import Prompt


@runtime_checkable
class ConditionHooks(Protocol):
    """A condition on one batch of prompts padded on the left."""

    def hooks(self) -> list[tuple[Any, Hook]]:
        """Hook names and functions for `HookedTransformer.hooks(fwd_hooks=...)`, for every forward pass."""

    def go_on(self) -> None:
        """To be called when the prompts have been read: the passes from then on go on where the cache ends."""

    def verify(self) -> None:
        """Raise an InterventionError if a hook did not do what it had to."""


def hooks_of(
    condition: Condition, prompts: Sequence[Prompt], shape: Shape, device: torch.device
) -> ConditionHooks | None:
    """The hooks of a condition on a batch; None for the clean run.

    Raises:
        UserError: the condition does not fit the model or the prompts.
    """
    if isinstance(condition, Clean):
        return None
    if isinstance(condition, ContextMask):
        return ContextMaskHooks(condition, prompts, shape.n_layers, device)
    if isinstance(condition, OwnHooks):
        return OwnHooksAtWork(condition)
    return EditHooks(condition, prompts, shape, device)
