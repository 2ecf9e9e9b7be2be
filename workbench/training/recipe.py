"""The settings of the embedded model's training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How the embedded model is trained."""

    steps: int = 7500
    """Optimiser steps."""
    prompts: int = 16
    """Prompts in a step."""
    learning_rate: float = 2e-3
    """Highest learning rate; it warms up, then decays along a cosine."""
    seed: int = 0
    """Seed of the weights and of the data."""
    width: int = 160
    """Residual stream."""
    layers: int = 8
    """Blocks."""
    heads: int = 8
    """Attention heads in a block."""
    hidden: int = 432
    """Width of the feed-forward layers."""
    window: int = 1024
    """Longest sequence."""
    checkpoints: int = 16
    """How many intermediate checkpoints are kept, at steps spaced evenly in the logarithm."""
    threads: int = 2
    """Threads of the processor."""
