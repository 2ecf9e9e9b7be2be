"""Many conditions over many prompts: one contract, the plain reference that defines it, and the fast engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from workbench.interventions.conditions import Condition
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.sweep import engine, reference
from workbench.sweep.attention import unsupported_part
from workbench.sweep.contract import Outcome

__all__ = ["Engine", "Outcome", "chosen_engine", "sweep"]

Engine = Literal["auto", "fast", "reference"]


def chosen_engine(model: Model, asked: Engine = "auto") -> Literal["fast", "reference"]:
    """Which engine runs: the fast one wherever it computes all that the model's attention has."""
    if asked == "auto":
        return "reference" if unsupported_part(model.hooked) else "fast"
    return asked


def sweep(
    model: Model,
    prompts: Sequence[Prompt],
    conditions: Sequence[Condition],
    *,
    batch_size: int = 32,
    engine_name: Engine = "auto",
    progress: Callable[[int], object] | None = None,
) -> list[Outcome]:
    """Run every prompt under every condition: see `workbench.sweep.reference.sweep`.

    Raises:
        UserError: the fast engine was asked for and the model has a part that only the reference computes.
    """
    run = engine.sweep if chosen_engine(model, engine_name) == "fast" else reference.sweep
    return run(model, prompts, conditions, batch_size=batch_size, progress=progress)
