"""Random weights of GPT-2 small's size: every condition writes a text of its own, so that nothing is shared in decoding.

What is left to gain is counted in layer-tokens; the fast sweep is to keep 85 % of it in seconds.
"""

from __future__ import annotations

from collections import defaultdict

from benchmarks.clock import alternated
from benchmarks.counting import Completed, differing
from benchmarks.result import Bar, Result, counted_ratio, ratio
from benchmarks.settings import Settings, Subject
from benchmarks.sweeps import Fast, Peers, Run

_KEPT = 0.85


def measure(settings: Settings) -> Result:
    """Measure the row."""
    fast = Fast(Subject.of(settings, "random-12", 3))
    fast.warm_up()
    peers = Peers(fast, settings)
    runs: dict[str, Run] = {"fast": fast.sweep, **dict([peers.strong(), peers.tuned()])}
    seconds, completed = alternated(runs, settings)
    ours = fast.timing(seconds.pop("fast"))
    bars, timings = [], [ours]
    for peer, taken in seconds.items():
        theirs = peers.timing(peer, taken, completed[peer])
        timings.append(theirs)
        counted = counted_ratio(theirs, ours)
        assert counted is not None
        bars.append(
            Bar(
                ours.shape,
                f"Hugging Face, {peer}",
                ratio(theirs, ours),
                "times",
                _KEPT * counted,
                counted=counted,
                differ=differing(completed["fast"], completed[peer]),
                compared=len(completed[peer]),
                note=f"bar: 85 % of the counted ratio; {_distinct(completed['fast'])}",
            )
        )
    return Result(bars, timings)


def _distinct(completed: Completed) -> str:
    texts = defaultdict(set)
    for (prompt, _), tokens in completed.items():
        texts[prompt].add(tokens)
    return f"{sum(map(len, texts.values()))} different completions of {len(completed)}"
