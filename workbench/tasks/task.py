"""What a model is asked in context: a task is a mapping from sources to targets, shown by examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.errors import UserError
from workbench.random_streams import stream


@dataclass(frozen=True)
class ProgramTests:
    """How an answer that is a program is judged."""

    start: str
    """What stands before the completion in the program; may be empty."""
    checks: str
    """Code that raises unless the program is right; it may use whatever the program defines."""


@dataclass(frozen=True)
class Item:
    """One source and its target."""

    name: str
    source: str
    target: str
    tests: ProgramTests | None = None
    """For answers that are programs."""


@dataclass(frozen=True)
class Task:
    """A mapping to be picked up in context. Tasks may share sources: only the context tells them apart."""

    name: str
    kind: str
    """"translate", "transform", "part-of-speech", ...: tasks of one kind are compared as one."""
    instruction: str
    """The sentence that would ask for it, without a final colon."""
    pool: Sequence[Item]
    """Where the examples are drawn from."""
    test: Sequence[Item]
    """What the model is tested on; shares no item with the pool."""
    score: str = "exact_match"
    """Name of the score that the task is mainly judged by."""
    stop: tuple[str, ...] = ()
    """Strings that end a completion, beside those of the prompt format."""
    target_language: str = ""
    """Language of the targets (a code or an English name), where a score must know it."""
    max_new_tokens: int = 50
    """Longest completion, in tokens."""
    digest: str = ""
    """Hash of the data behind pool and test."""
    drawn_as: str = ""
    """Tasks that share this name, and the order of their pools, show the same examples; by default its own name."""

    def examples(self, count: int, seed: int) -> tuple[Item, ...]:
        """Draw `count` examples without replacement, once per seed for all test items, as paper A does."""
        if count < 0:
            raise UserError(f"The number of examples is {count}; give 0 or more.")
        if count > len(self.pool):
            raise UserError(
                f"Task {self.name!r} has {len(self.pool)} items to draw examples from, fewer than the "
                f"{count} asked for."
            )
        order = stream(seed, "examples", self.drawn_as or self.name).permutation(len(self.pool))
        return tuple(self.pool[int(index)] for index in order[:count])

    def limited(self, limit: int | None) -> tuple[Item, ...]:
        """The first `limit` test items, all of them for None; refused if there are fewer."""
        if limit is None:
            return tuple(self.test)
        if not 0 < limit <= len(self.test):
            raise UserError(
                f"{limit} test prompts were asked for; task {self.name!r} has {len(self.test)}: give 1 to "
                f"{len(self.test)}."
            )
        return tuple(self.test[:limit])
