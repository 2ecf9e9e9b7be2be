"""Test prompts in batches: the cells of analyses whose prompts are measured apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Batch:
    """Some test prompts of one task, with the examples of one seed."""

    task: str
    seed: int
    start: int
    stop: int


def batches(totals: Mapping[str, int], seeds: Sequence[int], size: int) -> list[Batch]:
    """All batches of tasks with so many test prompts each, seed after seed."""
    return [Batch(task, seed, *span) for task, total in totals.items() for seed in seeds for span in spans(total, size)]


def spans(total: int, size: int) -> Iterator[tuple[int, int]]:
    """First and behind the last of so many in a row; the last span may be shorter."""
    for start in range(0, total, size):
        yield start, min(start + size, total)
