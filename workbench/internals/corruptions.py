"""Corrupted prompts: the same query after examples that say something else, position for position beside the clean one.

Activations can be carried from one prompt into another only where their positions correspond. Aligned by `tokens`,
every segment has as many tokens in both prompts, so that every position has its counterpart: corrupted examples are
chosen for their lengths. Aligned by `last`, segments may differ in length, and only the last token of each corresponds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from workbench.errors import UserError
from workbench.formats import find_format
from workbench.interventions.positions import LAST, selected_positions
from workbench.prompts import Prompt, Segment, Tokenizes, build_prompt
from workbench.random_streams import stream
from workbench.tasks.task import Item, Task

Corruption = Literal["other-task", "shuffled"]
"""`other-task`: examples of another task (another language, another operator). `shuffled`: the same sources, each with
the target of another item of the pool."""
Alignment = Literal["tokens", "last"]


@dataclass(frozen=True)
class Pair:
    """One query after clean and after corrupted examples."""

    clean: Prompt
    corrupted: Prompt
    """With the clean prompt's name and reference."""


@dataclass(frozen=True)
class Asked:
    """How the prompts are made."""

    format: str
    examples: int
    seed: int
    corruption: Corruption
    other: Task | None
    """Whose examples are shown, for `other-task`."""
    alignment: Alignment


def prompt_pairs(model: Tokenizes, task: Task, items: Sequence[Item], asked: Asked) -> list[Pair]:
    """A clean and a corrupted prompt for each item; all share their examples.

    Raises:
        UserError: no examples of the right lengths, or prompts that do not correspond.
    """
    if asked.examples < 1:
        raise UserError("Without examples there is nothing to corrupt: give --examples 1 or more.")
    format_ = find_format(asked.format, task.kind)
    shown = task.examples(asked.examples, asked.seed)
    corrupted = _corrupted_examples(model, task, shown, items[0], asked)
    pairs = []
    for item in items:
        clean, other = (build_prompt(model, format_, task, examples, item) for examples in (shown, corrupted))
        pairs.append(Pair(clean, replace(other, reference_ids=clean.reference_ids)))
    for pair in pairs:
        _check(pair, asked.alignment)
    return pairs


def selector(place: str, alignment: Alignment) -> tuple[str, ...]:
    """The positions of a place: a selector of segments, `answer`, or `prompt` for every position."""
    if place == "answer":
        return ("answer",)
    segments = ("bos", "instructions", "examples", "query") if place == "prompt" else (place,)
    return tuple(f"{LAST}{segment}" for segment in segments) if alignment == "last" else segments


def corresponding(pair: Pair, place: str, alignment: Alignment) -> tuple[int, ...]:
    """The corrupted prompt's positions of a place.

    Raises:
        UserError: the prompts have none, or not the same number of them.
    """
    chosen = selector(place, alignment)
    clean, corrupted = (selected_positions(prompt, chosen) for prompt in (pair.clean, pair.corrupted))
    if not clean:
        raise UserError(f"Prompt {pair.clean.name!r} has no {place}; give other places.")
    if len(clean) != len(corrupted):
        raise UserError(
            f"At {place}, prompt {pair.clean.name!r} has {len(clean)} positions and its corrupted counterpart "
            f"{len(corrupted)}: give other places."
        )
    return corrupted


def _corrupted_examples(
    model: Tokenizes, task: Task, shown: Sequence[Item], query: Item, asked: Asked
) -> tuple[Item, ...]:
    """An example in the place of each one shown, of the same lengths where prompts are aligned token by token."""
    lengths = _Lengths(model, task, query, asked.format)
    chosen: list[Item] = []
    for example in shown:
        found = next(
            (
                candidate
                for candidate in _candidates(task, example, asked)
                if candidate not in chosen
                and (asked.alignment == "last" or lengths.of(candidate) == lengths.of(example))
            ),
            None,
        )
        if found is None:
            raise UserError(_none_fits(task, example, lengths, asked))
        chosen.append(found)
    return tuple(chosen)


def _candidates(task: Task, example: Item, asked: Asked) -> Iterator[Item]:
    """What may stand in the place of an example, in an order drawn by the seed."""
    if asked.corruption == "other-task":
        if asked.other is None:
            raise UserError(
                "Examples of another task are to be shown: say of which with --other, or give --corruption shuffled."
            )
        yield from asked.other.examples(len(asked.other.pool), asked.seed)
        return
    order = stream(asked.seed, "shuffled targets", task.name, example.name).permutation(len(task.pool))
    for index in order:
        other = task.pool[int(index)]
        if other.target != example.target:
            yield replace(example, target=other.target)


class _Lengths:
    """How many tokens an example has in a prompt."""

    def __init__(self, model: Tokenizes, task: Task, query: Item, format_name: str) -> None:
        self._model, self._task, self._query = model, task, query
        self._format = find_format(format_name, task.kind)
        self._known: dict[tuple[str, str], tuple[int, ...]] = {}

    def of(self, item: Item) -> tuple[int, ...]:
        """Tokens of its segments, one after the other."""
        key = (item.source, item.target)
        if key not in self._known:
            prompt = build_prompt(self._model, self._format, self._task, [item], self._query)
            self._known[key] = _sizes(segment for segment in prompt.segments if segment.path.startswith("examples."))
        return self._known[key]


def _sizes(segments: Iterable[Segment]) -> tuple[int, ...]:
    return tuple(segment.end - segment.start for segment in segments)


def _none_fits(task: Task, example: Item, lengths: _Lengths, asked: Asked) -> str:
    pool = task if asked.other is None or asked.corruption == "shuffled" else asked.other
    return (
        f"Of the {len(pool.pool)} pool items of {pool.name} none can stand in the place of the example "
        f"{example.source!r} token by token (segments of {', '.join(map(str, lengths.of(example)))} tokens): give fewer "
        "examples, another seed, or --align last, which compares the last token of every segment."
    )


def _check(pair: Pair, alignment: Alignment) -> None:
    """Refuse prompts whose segments are not the same, or not in the same places where they have to be."""
    clean, corrupted = pair.clean.segments, pair.corrupted.segments
    same = clean == corrupted if alignment == "tokens" else _paths(clean) == _paths(corrupted)
    if not same:
        raise UserError(
            f"Prompt {pair.clean.name!r} and its corrupted counterpart do not correspond: segments of "
            f"{', '.join(map(str, _sizes(clean)))} and of {', '.join(map(str, _sizes(corrupted)))} tokens. "
            "Give --align last, or another seed."
        )


def _paths(segments: Iterable[Segment]) -> list[str]:
    return [segment.path for segment in segments]
