"""The words of the grammar: concepts that all languages share, and each language's forms of them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

Row = dict[str, str]


@dataclass(frozen=True)
class Concept:
    """What a word of every language stands for, named by its English lemma."""

    name: str
    part: str
    """noun, verb, adjective or adverb."""
    classes: tuple[str, ...]
    """A noun's class, an adverb's kind, the nouns an adjective goes with, a verb's classes of subjects."""
    objects: tuple[str, ...] = ()
    """Classes that a verb's object may have; none for an intransitive verb."""
    manner: bool = False
    """Whether the verb goes with an adverb of manner."""


def _rows(*path: str) -> list[Row]:
    file = resources.files("workbench.tasks.grammar").joinpath("lexicons", *path)
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines(), delimiter="\t"))


def _split(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(",")) if cell else ()


@cache
def concepts(part: str) -> tuple[Concept, ...]:
    """All concepts of one part of speech, in the order of the data file."""
    return tuple(
        Concept(row["concept"], part, _split(row["class"]), _split(row["object"]), row["manner"] == "yes")
        for row in _rows("concepts.tsv")
        if row["part"] == part
    )


@cache
def nouns_of(classes: tuple[str, ...]) -> tuple[Concept, ...]:
    """The nouns of the given classes; all nouns where `any` is among them."""
    return tuple(noun for noun in concepts("noun") if "any" in classes or noun.classes[0] in classes)


@cache
def forms(language: str, part: str) -> dict[str, Row]:
    """A language's forms by concept, as the columns of its data file name them."""
    return {row["concept"]: row for row in _rows(language, f"{part}s.tsv")}
