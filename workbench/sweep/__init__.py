"""Many conditions over many prompts: one contract, the plain reference that defines it, and the fast engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from workbench.interventions.conditions import Condition
from workbench.interventions.own_hooks import OwnHooks
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.sweep import engine, reference
from workbench.sweep.attention import unsupported_part
from workbench.sweep.contract import Outcome

__all__ = ["Choice", "Engine", "Outcome", "chosen_engine", "sweep"]

Engine = Literal["auto", "fast", "reference"]


@dataclass(frozen=True)
class Choice:
    """Which engine runs, and why: a run writes both down."""

    engine: Literal["fast", "reference"]
    why: str

    def __str__(self) -> str:
        return f"{self.engine}: {self.why}"


def chosen_engine(model: Model, asked: Engine = "auto", conditions: Sequence[Condition] = ()) -> Choice:
    """Which engine runs: the fast one wherever it computes all that the model and the conditions have."""
    if asked != "auto":
        return Choice(asked, "asked for")
    part = unsupported_part(model.hooked)
    if part:
        return Choice("reference", f"the fast sweep does not do {part}")
    own = next((condition.name for condition in conditions if isinstance(condition, OwnHooks)), None)
    if own is not None:
        return Choice("reference", f"condition {own!r} is a hook of one's own")
    return Choice("fast", "it computes all that the model and the conditions have")


def sweep(
    model: Model,
    prompts: Sequence[Prompt],
    conditions: Sequence[Condition],
    *,
    batch_size: int = 32,
    engine_name: Engine = "auto",
    progress: Callable[[int], object] | None = None,
) -> list[Outcome]:
    """Run every prompt under every condition: see `workbench.sweep.reference.sweep`. Each outcome says what ran it.

    Raises:
        UserError: the fast engine was asked for and the model or a condition has a part that only the reference
            computes.
    """
    choice = chosen_engine(model, engine_name, conditions)
    run = engine.sweep if choice.engine == "fast" else reference.sweep
    return run(model, prompts, conditions, batch_size=batch_size, progress=progress)
