"""Which layers to measure next, where only the recognition layer is wanted and not the whole curve.

Search where the curve crosses its threshold and where the interval of the recognition layer ends, and check four
layers spread over those above it, since one of them may yet fall below. What is not measured is not assumed: the rule
is applied to the layers that were. Every round reads the prompts again, which costs as much as the lowest layer, so rounds
are few and ask for several layers each.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import pandas as pd

from workbench.statistics.curves import Settings, summarise

CHECKS = 4
"""Layers above the recognition layer that are measured in any case (all of them where there are fewer)."""

PARTS = 5
"""Into as many parts the layers are divided, by the first round and wherever an end is looked for."""
SHALLOW = 8
"""Layers of a model up to which all are measured at once: two rounds here cost as much."""


def next_layers(
    measured: Collection[int], n_layers: int, layer: int | None, low: int | None, high: int | None
) -> tuple[int, ...]:
    """The layers to measure next; none where the answer stands.

    Args:
        measured: layers measured so far, `n_layers` (never hidden) aside.
        n_layers: depth of the model.
        layer: recognition layer among those measured, None for none.
        low: lower end of its interval, None if there is none.
        high: upper end, `n_layers` for "none".
    """
    known = sorted({each for each in measured if each < n_layers})
    if not known:
        return tuple(sorted({part * n_layers // PARTS for part in range(PARTS)}))
    found = n_layers if layer is None else layer
    ends = {found, found if low is None else low, found if high is None else high}
    below = {end: max((each for each in known if each < end), default=-1) for end in ends}
    # An end stands when the layer just below it has been measured: that one is on the other side.
    wanted = {each for end in ends for each in _between(below[end], end)}
    # If the layer turns out to be a lower one, these are still above it.
    return tuple(sorted({*wanted, *_checks(sorted({*known, *wanted}), found, n_layers)}))


def measured_adaptively(
    measure: Callable[[Mapping[str, Sequence[int]]], pd.DataFrame],
    masks: Collection[str],
    n_layers: int,
    settings: Settings,
) -> pd.DataFrame:
    """What `measure` returns for each round's layers of each mask, until all recognition layers and intervals stand.

    Its tables are those that `workbench.statistics.curves.summarise` reads, of one model, task and prompt. The first brings the
    floor and the ceiling along; no layer is asked for twice.
    """
    if n_layers <= SHALLOW:
        return measure(dict.fromkeys(masks, tuple(range(n_layers))))
    wanted: dict[str, tuple[int, ...]] = dict.fromkeys(masks, next_layers((), n_layers, None, None, None))
    rounds: list[pd.DataFrame] = []
    while wanted:
        rounds.append(measure(wanted))
        table = pd.concat(rounds, ignore_index=True)
        wanted = _wanted(table, n_layers, settings)
    return table


def _wanted(table: pd.DataFrame, n_layers: int, settings: Settings) -> dict[str, tuple[int, ...]]:
    """What each mask still needs; nothing of those whose answer stands."""
    found = summarise(table, settings).recognition
    wanted = {}
    for row in found[found["seed"] == "all"].drop_duplicates("mask").to_dict("records"):
        if not row["recognisable"]:
            continue  # No layer measured in between would change that.
        known = set(table.loc[table["mask"] == row["mask"], "from_layer"])
        layer, low, high = (None if pd.isna(row[name]) else int(row[name]) for name in ("layer", "low", "high"))
        more = next_layers(known, n_layers, layer, low, high)
        if more:
            wanted[str(row["mask"])] = more
    return wanted


def _between(below: int, above: int) -> tuple[int, ...]:
    """The layers that part a gap; all that lie in it, where these are few."""
    gap = above - below
    parts = {below + round(part * gap / PARTS) for part in range(1, PARTS)}
    return tuple(sorted(parts - {below, above}))


def _checks(known: list[int], layer: int, n_layers: int) -> tuple[int, ...]:
    later = list(range(layer + 1, n_layers))
    checked = [each for each in later if each in known]
    missing = min(CHECKS, len(later)) - len(checked)
    if missing <= 0:
        return ()
    chosen: list[int] = []
    for _ in range(missing):
        # Always the layer farthest from everything measured, so that the checks spread.
        marks = [*known, *chosen, n_layers]
        open_layers = [each for each in later if each not in marks]
        chosen.append(max(open_layers, key=lambda each: (min(abs(each - mark) for mark in marks), -each)))
    return tuple(sorted(chosen))
