"""What a row of the benchmark gives: single times, and ratios beside what they are to reach."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

import pandas as pd

Unit = Literal["times", "share"]


@dataclass(frozen=True)
class Bar:
    """One line of the table: what was measured, and what it is to reach."""

    shape: str
    what: str
    """What was measured against what, in words."""
    value: float
    unit: Unit
    """`times`: a ratio. `share`: a part of one."""
    bar: float | None = None
    """What it is to reach; None where it is only reported."""
    at_most: bool = False
    """Whether the bar is an upper one."""
    counted: float | None = None
    """The same ratio, of counted layer-tokens or operations in place of seconds."""
    differ: int | None = None
    """Completions that differ from the other's."""
    compared: int | None = None
    """Completions compared."""
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the bar is reached; None without one."""
        if self.bar is None:
            return None
        return self.value <= self.bar if self.at_most else self.value >= self.bar


@dataclass(frozen=True)
class Timing:
    """One peer's times."""

    shape: str
    layers: int
    peer: str
    prompts: int
    """Prompts that each run of it served."""
    seconds: tuple[float, ...]
    """One for each repeat, in order."""
    layer_tokens: int | None = None
    """Layers times tokens that it had to compute, padding and finished completions left out."""

    @property
    def a_prompt(self) -> float:
        """Median seconds for one prompt."""
        return median(self.seconds) / self.prompts


@dataclass(frozen=True)
class Result:
    """Everything that a row gives."""

    bars: Sequence[Bar] = ()
    timings: Sequence[Timing] = ()


def ratio(theirs: Timing, ours: Timing) -> float:
    """How many times as long theirs takes for a prompt: the median over the repeats, each against its neighbour."""
    pairs = zip(theirs.seconds, ours.seconds, strict=True)
    return median((other / theirs.prompts) / (mine / ours.prompts) for other, mine in pairs)


def counted_ratio(theirs: Timing, ours: Timing) -> float | None:
    """The same of counted layer-tokens, where both were counted."""
    if not theirs.layer_tokens or not ours.layer_tokens:
        return None
    return theirs.layer_tokens / theirs.prompts / (ours.layer_tokens / ours.prompts)


@dataclass(frozen=True)
class Measured:
    """A row that was measured, as it lies in the folder."""

    row: str
    result: Result
    seconds: float
    """What measuring it took."""
    made_with: Mapping[str, Any] = field(default_factory=dict)
    """Settings and machine."""

    def write(self, folder: Path) -> None:
        """Put it into the folder, in place of an earlier measurement of the same row."""
        path = folder / "rows" / f"{self.row}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1, default=str) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Measured:
        """A row as it was written."""
        content = json.loads(path.read_text(encoding="utf-8"))
        bars = [Bar(**each) for each in content["result"]["bars"]]
        timings = [Timing(**{**each, "seconds": tuple(each["seconds"])}) for each in content["result"]["timings"]]
        return cls(content["row"], Result(bars, timings), content["seconds"], content["made_with"])


def bar_table(measured: Sequence[Measured]) -> pd.DataFrame:
    """Every ratio with what it is to reach."""
    return pd.DataFrame(
        [{"row": each.row, **asdict(bar), "reached": bar.reached} for each in measured for bar in each.result.bars]
    )


def timing_table(measured: Sequence[Measured]) -> pd.DataFrame:
    """Every peer's times."""
    rows = []
    for each in measured:
        for timing in each.result.timings:
            rows.append(
                {
                    "row": each.row,
                    **{name: value for name, value in asdict(timing).items() if name != "seconds"},
                    "repeats": len(timing.seconds),
                    "median_seconds": median(timing.seconds),
                    "seconds_a_prompt": timing.a_prompt,
                    "seconds": list(timing.seconds),
                }
            )
    return pd.DataFrame(rows)
