"""The settings of the embedded model's training."""

from __future__ import annotations

from dataclasses import dataclass, fields

from workbench.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """How the embedded model is trained."""

    steps: int = 6800
    """Optimiser steps of the first cycle."""
    horizon: int = 9000
    """Step at which the cosine of the learning rate would end."""
    anneal: int = 800
    """Steps at the end of them over which the rate falls from there to nothing."""
    restart: int = 2000
    """Steps of a second cycle after these (a warm restart): the optimiser begins anew, the rate warms up and falls to
    nothing along a line, and prompts are drawn with other shares."""
    restart_rate: float = 1e-3
    """Highest learning rate of the second cycle."""
    prompts: int = 16
    """Prompts in a step."""
    learning_rate: float = 2e-3
    """Highest learning rate; it warms up, decays along a cosine, and falls to nothing at the end of the first cycle."""
    seed: int = 0
    """Seed of the weights and of the data."""
    width: int = 144
    """Residual stream."""
    layers: int = 8
    """Blocks."""
    heads: int = 8
    """Attention heads in a block."""
    hidden: int = 336
    """Width of the feed-forward layers."""
    window: int = 1024
    """Longest sequence."""
    checkpoints: int = 12
    """How many intermediate checkpoints are kept, at steps spaced evenly in the logarithm."""
    threads: int = 2
    """Threads of the processor."""
    compile: bool = False
    """Compile the blocks first, which needs a C++ compiler: each step then takes about a third less time."""

    @property
    def total(self) -> int:
        """Steps of both cycles."""
        return self.steps + self.restart

    def check(self) -> None:
        """Refuse numbers that make no model.

        Raises:
            UserError: one of them is too small, or heads do not divide the width into an even part each.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "restart" and value < 0:
                raise UserError(f"The recipe's restart is {value}; give 0 for one cycle alone, or more.")
            if field.name not in ("seed", "compile", "restart") and value <= 0:
                raise UserError(f"The recipe's {field.name} is {value}; give more than 0.")
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise UserError(
                f"A width of {self.width} does not give {self.heads} heads an even part each (rotary positions turn "
                "pairs): change one of them."
            )
