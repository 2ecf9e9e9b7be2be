"""Ways of saying what a test is about: meanings by short words, FLORES folders by a line of code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.tasks.grammar.languages import LANGUAGES
from workbench.tasks.grammar.lexicon import Concept, concepts
from workbench.tasks.grammar.meaning import Meaning, NounPhrase, Pronoun

_PRONOUNS = {
    "he": Pronoun(feminine=False),
    "she": Pronoun(feminine=True),
    "they": Pronoun(feminine=False, plural=True),
    "they-f": Pronoun(feminine=True, plural=True),
}


def _concept(part: str, name: str) -> Concept:
    return next(concept for concept in concepts(part) if concept.name == name)


def _phrase(text: str) -> NounPhrase | Pronoun:
    if text in _PRONOUNS:
        return _PRONOUNS[text]
    determiner, noun, *adjective = text.split()
    return NounPhrase(
        _concept("noun", noun),
        determiner.removesuffix("+"),
        determiner.endswith("+"),
        _concept("adjective", adjective[0]) if adjective else None,
    )


def _mean(subject: str, verb: str, object: str = "", **rest: Any) -> Meaning:
    adverb, place = rest.pop("adverb", ""), rest.pop("place", "")
    preposition, _, complement = place.partition(" ")
    return Meaning(
        _phrase(subject),
        _concept("verb", verb),
        _phrase(object) if object else None,
        _concept("adverb", adverb) if adverb else None,
        preposition or None,
        _phrase(complement) if complement else None,
        **rest,
    )


@pytest.fixture(scope="session")
def mean() -> Callable[..., Meaning]:
    """A meaning: `mean("the+ cat small", "see", "a house", adverb="often", place="in the garden", negated=True)`.

    A noun phrase is determiner (with + in the plural), noun, adjective.
    """
    return _mean


@pytest.fixture(scope="session")
def say() -> Callable[..., str]:
    """A meaning's sentence without its full stop: `say("fr", "the+ cat small", "see")`."""

    def sentence(code: str, *parts: str, **rest: Any) -> str:
        return LANGUAGES[code].sentence(_mean(*parts, **rest)).removesuffix(" .")

    return sentence


@pytest.fixture
def flores_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder in the layout of FLORES-200: `flores_folder("eng_Latn", "fra_Latn", dev=997, devtest=30)`."""

    def make(*codes: str, dev: int = 830, devtest: int = 20) -> Path:
        folder = tmp_path / "flores200"
        for split, count in (("dev", dev), ("devtest", devtest)):
            (folder / split).mkdir(parents=True, exist_ok=True)
            for code in codes:
                lines = "".join(f"{split} sentence {number} in {code}\n" for number in range(1, count + 1))
                (folder / split / f"{code}.{split}").write_text(lines, encoding="utf-8")
        return folder

    return make
