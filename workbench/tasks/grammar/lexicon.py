"""The words of the grammar: concepts that all languages share, and each language's forms of them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

Row = dict[str, str]
PARTS = ("noun", "verb", "adjective", "adverb")
"""The parts of speech whose words stand in the data files."""


@dataclass(frozen=True)
class Concept:
    """What a word of every language stands for, named by its English lemma."""

    name: str
    part: str
    """noun, verb, adjective or adverb."""
    classes: tuple[str, ...]
    """A noun's classes, the main one first; an adverb's kind; the nouns that an adjective or a verb's subject may be."""
    objects: tuple[str, ...] = ()
    """Classes that a verb's object may have; none for an intransitive verb."""
    manner: bool = False
    """Whether the verb goes with an adverb of manner."""
    benefit: bool = False
    """Whether the verb goes with `for` and a person: what the languages' words for it agree on."""


def _rows(*path: str) -> list[Row]:
    file = resources.files("workbench.tasks.grammar").joinpath("lexicons", *path)
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines(), delimiter="\t"))


def _split(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(",")) if cell else ()


@cache
def concepts(part: str) -> tuple[Concept, ...]:
    """All concepts of one part of speech, in the order of the data file."""
    return tuple(
        Concept(
            row["concept"],
            part,
            _split(row["class"]),
            _split(row["object"]),
            row["manner"] == "yes",
            row["for"] == "yes",
        )
        for row in _rows("concepts.tsv")
        if row["part"] == part
    )


@cache
def nouns_of(classes: tuple[str, ...]) -> tuple[Concept, ...]:
    """The nouns of the given classes; all nouns where `any` is among them."""
    return tuple(noun for noun in concepts("noun") if not {"any", *noun.classes}.isdisjoint(classes))


@cache
def opposites() -> tuple[tuple[Concept, Concept], ...]:
    """Pairs of opposite concepts, each concept in one pair at most."""
    named = {(concept.part, concept.name): concept for part in PARTS for concept in concepts(part)}
    return tuple(
        (named[row["part"], row["concept"]], named[row["part"], row["opposite"]]) for row in _rows("opposites.tsv")
    )


@cache
def forms(language: str, part: str) -> dict[str, Row]:
    """A language's forms by concept, as the columns of its data file name them."""
    return {row["concept"]: row for row in _rows(language, f"{part}s.tsv")}
