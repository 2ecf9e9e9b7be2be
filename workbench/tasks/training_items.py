"""What a model may be trained on for a task: items that share no source with the task's pool and test set."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import UserError
from workbench.random_streams import stream
from workbench.tasks import bitwise, flores
from workbench.tasks.functions import tasks as functions
from workbench.tasks.grammar import tasks as grammar
from workbench.tasks.mapping import Mapping
from workbench.tasks.registry import families, find_task
from workbench.tasks.task import Item, Task

_DRAWN = (grammar, functions, bitwise)
"""Families whose items are drawn, each by a hash, into what may be trained on and what may not."""
_DRAWS_FOR_NOTHING = 20_000
"""Draws in a row without a new item, after which there is taken to be none."""


def training_items(name: str, count: int, *, seed: int = 0, data: Path | None = None) -> tuple[Item, ...]:
    """`count` different items to train on.

    Of `flores:` tasks the first lines of `dev`, as in paper A, whatever the seed; of the project's own languages, code and
    operators items drawn by the seed.

    Args:
        name: the task's name.
        count: how many.
        seed: of the draw.
        data: folder of the data, for tasks that read some.

    Raises:
        UserError: the task has no items to train on, or fewer.
    """
    if name.startswith("flores:"):
        return flores.training_items(name, count, data)
    for family in _DRAWN:
        if name in family.names():
            return _drawn(find_task(name), family.describe(name), count, seed)
    if not any(family.owns(name) for family in families()):
        # Which says what names are like it. A known one is not built: it would ask for data that is of no use here.
        find_task(name)
    raise UserError(
        f"Task {name!r} has no items to train on; flores:SOURCE-TARGET, translations and transformations of the project's own "
        "languages, parts of speech, code-NOTATION and bitwise-OPERATOR have."
    )


def _drawn(task: Task, mapping: Mapping, count: int, seed: int) -> tuple[Item, ...]:
    generator = stream(seed, "training items", task.name)
    kept_out = {item.source for item in (*task.pool, *task.test)}
    items: dict[str, Item] = {}
    for_nothing = 0
    while len(items) < count:
        subject = mapping.draw(generator)
        for_nothing += 1
        if subject.split == "train":
            source, target = mapping.pair(subject, generator)
            if source not in items and source not in kept_out:
                items[source] = Item(f"{task.name}/train/{len(items)}", source, target)
                for_nothing = 0
        if for_nothing > _DRAWS_FOR_NOTHING:
            raise UserError(f"Task {task.name!r} has {len(items)} items to train on, fewer than the {count} asked for.")
    return tuple(items.values())
