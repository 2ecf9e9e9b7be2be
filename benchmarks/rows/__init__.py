"""The rows of the benchmark, one file each: `measure(settings)` gives what was measured and what it is to reach."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from benchmarks.result import Result
from benchmarks.settings import Settings

ROWS = {
    "peers": "deep mini 32 against Hugging Face as published, tuned and strong, and against the floor",
    "random": "random weights, where every condition writes a text of its own, against tuned and strong",
    "masks": "mini under five masks against the TransformerLens reference",
    "heads": "every head of mini ablated alone against the TransformerLens reference",
    "context": "reading a prompt with its context dropped above a layer against the same with its context",
    "growth": "8, 16 and 32 layers, full and adaptive",
    "memory": "peak memory against the estimate made before the run",
    "gpu": "Llama-7B and GPT-Neo-2.7B shapes in bfloat16 against the floor (with --device cuda)",
}
"""What each measures, by name, in the order of the report."""


def measure_of(row: str) -> Callable[[Settings], Result]:
    """What measures that row."""
    found: Callable[[Settings], Result] = import_module(f"benchmarks.rows.{row}").measure
    return found
