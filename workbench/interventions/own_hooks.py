"""A user's own hooks as a condition. It is no data, so only the plain reference runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from workbench.errors import UserError
from workbench.interventions.faults import Hook, InterventionError
from workbench.prompts import Prompt


@dataclass(frozen=True)
class OwnHooks:
    """Functions of one's own at a model's hooks. Every condition that can be data should be: it runs faster."""

    name: str
    """What the condition is called in tables and figures."""
    hooks: tuple[tuple[str, Callable[..., Any]], ...]
    """Names of hooks and functions (activation, hook) that return the new activation, or None to leave it. They run on
    every pass: of the prompts, padded on the left, then of what follows them, with a key/value cache."""
    first: int = 0
    """First layer that the hooks touch."""

    def first_layer(self, n_layers: int) -> int:
        """The first layer that differs from the clean run."""
        return min(self.first, n_layers)

    def first_position(self, prompt: Prompt) -> int:
        """The first position that differs from the clean run: any may."""
        return 0


@dataclass
class OwnHooksAtWork:
    """The hooks of one's own on one batch, with a note of which ran."""

    condition: OwnHooks
    _fired: set[str] = field(default_factory=set)

    def hooks(self) -> list[tuple[Any, Hook]]:
        """Hook names and functions for `HookedTransformer.hooks(fwd_hooks=...)`."""
        return [(name, partial(self._run, name, function)) for name, function in self.condition.hooks]

    def go_on(self) -> None:
        """Nothing to say: the functions know what they do."""

    def verify(self) -> None:
        """Check that every hook ran.

        Raises:
            InterventionError: one did not.
        """
        for name, _ in self.condition.hooks:
            if name not in self._fired:
                raise InterventionError(f"Condition {self.condition.name!r}: the hook {name} never ran.")

    def _run(self, name: str, function: Callable[..., Any], there: Any, hook: Any) -> Any:
        self._fired.add(name)
        new = function(there, hook=hook)
        # A hook may return a slice that would be spread over the batch without a word.
        if new is not None and new.shape != there.shape:
            raise UserError(
                f"Condition {self.condition.name!r}: the function at {name} got shape {tuple(there.shape)} and "
                f"returned {tuple(new.shape)}; return the same shape."
            )
        return new
