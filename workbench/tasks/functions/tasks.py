"""Tasks of code: a sentence describes a function; it is answered in Python, in Lisp or in postfix notation.

Each sentence may be asked in every notation, so that only the examples tell which. Functions are split by their
structure: no notation of a test function is ever trained on.
"""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache

from workbench.random_streams import stream
from workbench.tasks.family import Family
from workbench.tasks.functions.catalogue import draw
from workbench.tasks.functions.expression import Call, sentence
from workbench.tasks.functions.notations import NOTATIONS
from workbench.tasks.mapping import Mapping
from workbench.tasks.task import Item, Task

POOL_SIZE = 100
TEST_SIZE = 200


def names() -> list[str]:
    """Every code task."""
    return [f"code-{notation}" for notation in NOTATIONS]


@lru_cache(maxsize=8)
def build(name: str) -> Task:
    """The task of that name, with its pool and test set drawn from held-out functions."""
    mapping = describe(name)
    pool, test = _items(name, "pool", POOL_SIZE, mapping), _items(name, "test", TEST_SIZE, mapping)
    return Task(
        name=name,
        kind=mapping.kind,
        instruction=mapping.instruction,
        pool=pool,
        test=test,
        score="same_value",
        stop=("\n",),
        max_new_tokens=32,
        digest=hashlib.sha256(repr((pool, test)).encode()).hexdigest(),
    )


@cache
def describe(name: str) -> Mapping[Call]:
    """The mapping behind a task's name. The same stream draws the same functions in every notation."""
    notation = NOTATIONS[name.removeprefix("code-")]
    return Mapping(
        "code",
        f"Write {notation.title} expression for the function",
        draw,
        lambda function, _: (sentence(function), notation.write(function)),
    )


def _items(name: str, split: str, count: int, mapping: Mapping[Call]) -> tuple[Item, ...]:
    # The stream does not depend on the notation: all three tasks ask for the very same functions.
    generator = stream(0, "functions", split)
    items: dict[str, Item] = {}
    while len(items) < count:
        function = mapping.draw(generator)
        if function.split != split:
            continue
        source, target = mapping.pair(function, generator)
        if source not in items:
            items[source] = Item(f"{name}/{split}/{len(items)}", source, target)
    return tuple(items.values())


FAMILIES = (
    Family(
        "code-NOTATION",
        "code",
        f"a function described by a sentence, written in {', '.join(NOTATIONS)}",
        lambda name, data: build(name),
        tuple(names()),
    ),
)
