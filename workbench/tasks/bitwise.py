"""Paper B's bitwise tasks: two binary numbers of five digits, answered by an operator that only the context tells.

Han, Song, Gore and Agrawal (arXiv 2412.12276), section 5: AND, NAND, OR, NOR, XOR, XNOR, and a Null class whose
answer is drawn at random. All seven are asked of the same queries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping as Table
from dataclasses import dataclass
from functools import cache, partial
from types import MappingProxyType

import numpy as np

from workbench.random_streams import stream
from workbench.tasks.family import Family
from workbench.tasks.mapping import Mapping, Split
from workbench.tasks.task import Item, Task

KIND = "bitwise"
BITS = 5
POOL_SIZE = 100
TEST_SIZE = 200

TRUTH_TABLES: Table[str, tuple[int, int, int, int]] = MappingProxyType(
    {
        "and": (0, 0, 0, 1),
        "nand": (1, 1, 1, 0),
        "or": (0, 1, 1, 1),
        "nor": (1, 0, 0, 0),
        "xor": (0, 1, 1, 0),
        "xnor": (1, 0, 0, 1),
    }
)
"""Answers to 0 and 0, 0 and 1, 1 and 0, 1 and 1."""
NULL = "null"
CHANCE = 2**-BITS
"""Share of exact answers to the Null class that any guess gives."""


@dataclass(frozen=True)
class Numbers:
    """Two binary numbers, most significant digit first."""

    left: str
    right: str

    @property
    def split(self) -> Split:
        """Where the two belong, for every operator alike; a hash decides."""
        bucket = hashlib.sha256(f"{self.left} {self.right}".encode()).digest()[0]
        return "test" if bucket < 64 else "pool" if bucket < 96 else "train"


def names() -> list[str]:
    """Every operator's task, and the Null class."""
    return [f"{KIND}-{operator}" for operator in (*TRUTH_TABLES, NULL)]


@cache
def describe(name: str) -> Mapping[Numbers]:
    """The mapping behind a task's name."""
    operator = name.removeprefix(f"{KIND}-")
    asked = "Give random digits" if operator == NULL else f"Give the bitwise {operator.upper()} of the numbers"
    return Mapping(KIND, asked, draw, partial(_pair, operator))


def draw(generator: np.random.Generator, bits: int = BITS) -> Numbers:
    """Two numbers of that many digits, each digit 0 or 1 with equal chance."""
    digits = "".join(map(str, generator.integers(2, size=2 * bits)))
    return Numbers(digits[:bits], digits[bits:])


def apply(operator: str, numbers: Numbers) -> str:
    """The operator's answer, digit by digit."""
    table = TRUTH_TABLES[operator]
    return "".join(str(table[int(left + right, 2)]) for left, right in zip(numbers.left, numbers.right, strict=True))


@cache
def build(name: str) -> Task:
    """The task of that name, its pool and test set drawn from numbers that are not trained on."""
    mapping = describe(name)
    pool, test = _items(name, "pool", POOL_SIZE, mapping), _items(name, "test", TEST_SIZE, mapping)
    return Task(
        name=name,
        kind=KIND,
        instruction=mapping.instruction,
        pool=pool,
        test=test,
        stop=("\n",),
        max_new_tokens=BITS + 3,
        digest=hashlib.sha256(repr((pool, test)).encode()).hexdigest(),
    )


def _pair(operator: str, numbers: Numbers, generator: np.random.Generator) -> tuple[str, str]:
    source = f"{numbers.left} {numbers.right}"
    if operator == NULL:
        return source, "".join(map(str, generator.integers(2, size=len(numbers.left))))
    return source, apply(operator, numbers)


def _items(name: str, split: Split, count: int, mapping: Mapping[Numbers]) -> tuple[Item, ...]:
    # One stream for all operators: they are asked the same queries.
    generator, answers = stream(0, KIND, split), stream(0, KIND, split, name)
    items: dict[str, Item] = {}
    while len(items) < count:
        numbers = mapping.draw(generator)
        if numbers.split == split and (source := f"{numbers.left} {numbers.right}") not in items:
            items[source] = Item(f"{name}/{split}/{len(items)}", *mapping.pair(numbers, answers))
    return tuple(items.values())


FAMILIES = (
    Family(
        f"{KIND}-OPERATOR",
        KIND,
        f"two {BITS}-digit binary numbers; any of {', '.join(TRUTH_TABLES)}",
        lambda name, data: build(name),
        tuple(f"{KIND}-{operator}" for operator in TRUTH_TABLES),
    ),
    Family(
        f"{KIND}-{NULL}",
        KIND,
        f"random digits for the same numbers: nothing to recognise (paper B's Null), {CHANCE:.0%} by chance",
        lambda name, data: build(name),
        (f"{KIND}-{NULL}",),
    ),
)
