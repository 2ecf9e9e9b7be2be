"""Llama-7B and GPT-Neo-2.7B shapes with random weights in bfloat16, examples of FLORES's length, against the floor."""

from __future__ import annotations

from statistics import median

from benchmarks.clock import alternated
from benchmarks.result import Result
from benchmarks.settings import Settings, Subject
from benchmarks.shapes import check_gpu
from benchmarks.sweeps import FLOOR, Fast, Run, floor_bar, floor_run

SHAPES = ("llama-7b", "gpt-neo-2.7b")
_FLOOR = 3.0
_JOINED = 4
"""Sentences of the grammar in one example: together about as long as one of FLORES."""


def measure(settings: Settings) -> Result:
    """Measure the row.

    Raises:
        UserError: there is no GPU.
    """
    check_gpu(settings.device, "The row gpu")
    bars, timings = [], []
    for shape in (settings.shape,) if settings.shape else SHAPES:
        fast = Fast(Subject.of(settings, shape, 16, dtype="bfloat16", joined=_JOINED))
        fast.warm_up()
        operation: list[float] = []
        product = floor_run(fast, settings)
        runs: dict[str, Run] = {"fast": fast.sweep, FLOOR: lambda: operation.append(product())}  # noqa: B023
        seconds, _ = alternated(runs, settings)
        timings.append(fast.timing(seconds["fast"]))
        bars.append(floor_bar(fast, timings[-1], median(operation), _FLOOR))
    return Result(bars, timings)
