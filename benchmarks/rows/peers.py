"""Deep mini 32, all layers, mask TTF: the fast sweep against Hugging Face as published, tuned and strong, and the floor."""

from __future__ import annotations

from statistics import median

from benchmarks.clock import alternated
from benchmarks.counting import differing
from benchmarks.result import Bar, Result, counted_ratio, ratio
from benchmarks.settings import Settings, Subject
from benchmarks.sweeps import FLOOR, Fast, Peers, Run, floor_bar, floor_run

_BARS = {"published": 10.0, "tuned": 5.0, "strong": 1.4}
_FLOOR = 2.5


def measure(settings: Settings) -> Result:
    """Measure the row."""
    fast = Fast(Subject.of(settings, "deep-32", 8))
    fast.warm_up()
    peers = Peers(fast, settings)
    operation: list[float] = []
    product = floor_run(fast, settings)
    runs: dict[str, Run] = {
        "fast": fast.sweep,
        FLOOR: lambda: operation.append(product()),
        **dict([peers.strong(), peers.tuned()]),
        "published": peers.published,
    }
    seconds, completed = alternated(runs, settings)
    ours = fast.timing(seconds["fast"])
    bars, timings = [], [ours]
    for peer in runs:
        if peer in ("fast", FLOOR):
            continue
        theirs = peers.timing(peer, seconds[peer], completed[peer])
        timings.append(theirs)
        bars.append(
            Bar(
                ours.shape,
                f"Hugging Face, {'as published' if peer == 'published' else peer}",
                ratio(theirs, ours),
                "times",
                _BARS[peer.partition(",")[0]],
                counted=counted_ratio(theirs, ours),
                differ=differing(completed["fast"], completed[peer]),
                compared=len(completed[peer]),
            )
        )
    bars.append(floor_bar(fast, ours, median(operation), _FLOOR))
    return Result(bars, timings)
