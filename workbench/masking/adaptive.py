"""Which layers to measure, where only the recognition layer is wanted and not the whole curve.

A *pilot*, a few of the prompts, is measured at every layer. It tells about where the curve crosses its threshold and
where the interval of the recognition layer ends; all other prompts are measured there, and at four layers spread over
those above, since one of them may yet fall below. Where the pilot was wrong the search goes on. What was not measured of
all prompts is not assumed: the rule is applied to the layers that were. Every round reads the prompts again, which costs
as much as the lowest layer: that is why a pilot is cheaper than a search with all prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from math import ceil
from typing import NamedTuple, TypeVar

import pandas as pd

from workbench.statistics.curves import Settings, summarise

P = TypeVar("P")
"""A prompt."""
Measure = Callable[[Mapping[str, Sequence[int]]], pd.DataFrame]
"""Measures some prompts under each mask from its layers on, and returns a table that
`workbench.statistics.curves.summarise` reads, of one model, task and kind of prompt. Called first it brings the floor and
the ceiling along; it is asked for no layer twice."""

CHECKS = 4
"""Layers above the recognition layer that are measured in any case (all of them where there are fewer)."""
PARTS = 5
"""Into as many parts a gap is divided where the search goes on."""
SHALLOW = 8
"""Layers of a model up to which all are measured: there is little to leave out."""
ONE_IN, FEWEST, SHARE = 20, 12, 4
"""The pilot is one prompt in `ONE_IN`, or `FEWEST` prompts where these are more; but at most one in `SHARE`."""
TRUST = 3
"""The pilot counts as one in so many of all prompts: by its own number its intervals would be wide, and by that of all it
would be trusted too far."""


class Answer(NamedTuple):
    """What the measured layers say."""

    layer: int | None
    """Recognition layer, None for none."""
    low: int | None
    """Lower end of its interval, None if there is none."""
    high: int | None
    """Upper end, `n_layers` for "none"."""
    recognisable: bool = True
    """Whether there is anything to recognise."""


def pilot(prompts: int, seeds: int) -> range:
    """Which of the prompts of each seed are the pilot: spread over all, since neighbours may be alike."""
    wanted = max(1, min(max(ceil(prompts / ONE_IN), ceil(FEWEST / seeds)), prompts // SHARE))
    return range(0, prompts, max(1, prompts // wanted))[:wanted]


def measured_adaptively(
    measuring: Callable[[Mapping[int, Sequence[P]]], Measure],
    prompts: Mapping[int, Sequence[P]],
    masks: Collection[str],
    n_layers: int,
    settings: Settings,
) -> pd.DataFrame:
    """All prompts at the layers that the recognition layers of all masks and their intervals need.

    Args:
        measuring: makes what measures some of the prompts.
        prompts: those of each seed.
        masks: what is hidden.
        n_layers: depth of the model.
        settings: by which layers are recognised.
    """
    places = {seed: pilot(len(of_seed), len(prompts)) for seed, of_seed in prompts.items()}
    few = {seed: [prompts[seed][place] for place in of_seed] for seed, of_seed in places.items()}
    others = {
        seed: [prompt for place, prompt in enumerate(of_seed) if place not in places[seed]]
        for seed, of_seed in prompts.items()
    }
    if n_layers <= SHALLOW or not any(others.values()):
        return measuring(prompts)(dict.fromkeys(masks, range(n_layers)))
    ahead = measuring(few)(dict.fromkeys(masks, range(n_layers)))
    measure = measuring(others)
    expected = _answers(_repeated(ahead, sum(map(len, prompts.values())) // sum(map(len, few.values()))), settings)
    wanted: Mapping[str, Sequence[int]] = {mask: first_layers(n_layers, answer) for mask, answer in expected.items()}
    rounds: list[pd.DataFrame] = []
    while wanted:
        rounds.append(measure(wanted))
        behind = pd.concat(rounds, ignore_index=True)
        table = pd.concat([_where_measured(ahead, behind), behind], ignore_index=True)
        known = table.groupby("mask")["from_layer"].agg(set)
        # Where there is nothing to recognise no layer in between would change that.
        going_on = {mask: answer for mask, answer in _answers(table, settings).items() if answer.recognisable}
        further = {mask: next_layers(known[mask], n_layers, answer) for mask, answer in going_on.items()}
        wanted = {mask: layers for mask, layers in further.items() if layers}
    return table


def first_layers(n_layers: int, expected: Answer) -> tuple[int, ...]:
    """The layers that settle the answer if it is the one expected."""
    around = {each for end in _ends(n_layers, expected) for each in (end - 1, end) if 0 <= each < n_layers}
    return _with_checks(around, (), n_layers, expected)


def next_layers(measured: Collection[int], n_layers: int, found: Answer) -> tuple[int, ...]:
    """The layers to measure next, where those measured (0 among them) say this; none where the answer stands."""
    known = {each for each in measured if each < n_layers}
    ends = _ends(n_layers, found)
    below = {end: max((each for each in known if each < end), default=-1) for end in ends}
    # An end stands when the layer just below it has been measured: that one is on the other side.
    return _with_checks({each for end in ends for each in _between(below[end], end)}, known, n_layers, found)


def _answers(table: pd.DataFrame, settings: Settings) -> dict[str, Answer]:
    """What a table says of each mask, by its first score."""
    found = summarise(table, settings).recognition
    answers = {}
    for row in found[found["seed"] == "all"].drop_duplicates("mask").to_dict("records"):
        layer, low, high = (None if pd.isna(row[name]) else int(row[name]) for name in ("layer", "low", "high"))
        answers[str(row["mask"])] = Answer(layer, low, high, bool(row["recognisable"]))
    return answers


def _repeated(ahead: pd.DataFrame, one_in: int) -> pd.DataFrame:
    """The pilot as if it had one in `TRUST` of all prompts, when it has one in so many."""
    copies = max(1, one_in // TRUST)
    return pd.concat([ahead.assign(prompt=ahead["prompt"] + f" #{copy}") for copy in range(copies)], ignore_index=True)


def _where_measured(ahead: pd.DataFrame, behind: pd.DataFrame) -> pd.DataFrame:
    """The pilot's rows at the layers that were measured of the others too."""
    places, measured = (pd.MultiIndex.from_frame(table[["mask", "from_layer"]]) for table in (ahead, behind))
    return ahead[places.isin(measured)]


def _ends(n_layers: int, answer: Answer) -> set[int]:
    """The recognition layer and the ends of its interval."""
    layer = n_layers if answer.layer is None else answer.layer
    return {layer, *(end for end in (answer.low, answer.high) if end is not None)}


def _between(below: int, above: int) -> tuple[int, ...]:
    """The layers that part a gap; all that lie in it, where these are few."""
    gap = above - below
    parts = {below + round(part * gap / PARTS) for part in range(1, PARTS)}
    return tuple(sorted(parts - {below, above}))


def _with_checks(wanted: Collection[int], known: Collection[int], n_layers: int, answer: Answer) -> tuple[int, ...]:
    """The wanted layers, and as many above the recognition layer as are lacking for `CHECKS`."""
    # If the layer turns out to be a lower one, these are still above it.
    later = range((n_layers if answer.layer is None else answer.layer) + 1, n_layers)
    marks = {*wanted, *known, n_layers}
    chosen: set[int] = set()
    while sum(each in marks for each in later) < min(CHECKS, len(later)):
        # Always the layer farthest from everything measured, so that the checks spread.
        open_layers = [each for each in later if each not in marks]
        best = max(open_layers, key=lambda each: (min(abs(each - mark) for mark in marks), -each))
        chosen.add(best)
        marks.add(best)
    return tuple(sorted({*wanted, *chosen}))
