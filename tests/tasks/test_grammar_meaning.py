"""Meanings: how they are drawn, transformed and held out; and that sentences say them without ambiguity."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.tasks.grammar.languages import LANGUAGES
from workbench.tasks.grammar.lexicon import concepts
from workbench.tasks.grammar.meaning import (
    HELD_OUT_TRANSFORMATION,
    TRANSFORMATIONS,
    Meaning,
    NounPhrase,
    Pronoun,
    draw,
    transform,
)

EVERY = (*TRANSFORMATIONS, HELD_OUT_TRANSFORMATION)


SEEDS = st.integers(0, 2**32)


def drawn(seed: int, **options: bool) -> Meaning:
    return draw(np.random.default_rng(seed), **options)


def variants(meaning: Meaning) -> list[Meaning]:
    """The meaning in every tense, number, gender and determiner, affirmed and negated."""

    def phrase(part: NounPhrase | Pronoun | None) -> list[NounPhrase | Pronoun | None]:
        if isinstance(part, Pronoun):
            return [Pronoun(*flags) for flags in ((False, False), (True, False), (False, True))]
        if part is None:
            return [None]
        forms = [replace(part, determiner=name, plural=many) for name in ("the", "this") for many in (False, True)]
        return [*forms, replace(part, determiner="a", plural=False)]

    return [
        replace(meaning, subject=subject, object=object_, complement=complement, tense=tense, negated=negated)
        for subject, object_, complement, tense, negated in product(
            phrase(meaning.subject),
            phrase(meaning.object),
            phrase(meaning.complement),
            ("present", "past", "future"),
            (False, True),
        )
    ]


@given(seed=SEEDS)
def test_every_variant_is_held_out_together(seed: int) -> None:
    meaning = drawn(seed)
    assert {variant.split for variant in variants(meaning)} == {meaning.split}


@given(seed=SEEDS)
def test_transformations_stay_in_the_split(seed: int) -> None:
    meaning = drawn(seed, plain=True)
    assert {transform(meaning, name).split for name in EVERY} == {meaning.split}


def test_a_sixteenth_each_is_pool_and_test() -> None:
    stream = np.random.default_rng(0)
    counts = Counter(draw(stream).split for _ in range(8000))
    assert counts["pool"] / 8000 == pytest.approx(1 / 16, abs=0.015)
    assert counts["test"] / 8000 == pytest.approx(1 / 16, abs=0.015)


def is_ambiguous_in(code: str, variant: Meaning) -> bool:
    """What the grammar never draws since the language does not tell it apart."""
    complement = variant.complement
    # Spelled out in meaning.py: "für sie", "ohne sie".
    return (
        code == "de"
        and isinstance(complement, Pronoun)
        and complement.plural
        and variant.preposition in ("without", "for")
    )


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_sentence_says_one_meaning(code: str) -> None:
    """Among all the variants of a sentence no two are said alike, so that translation has one right answer."""
    stream = np.random.default_rng(1)
    for _ in range(40):
        said: dict[str, Meaning] = {}
        for variant in variants(draw(stream)):
            if is_ambiguous_in(code, variant):
                continue
            sentence = LANGUAGES[code].sentence(variant)
            assert said.setdefault(sentence, variant) == variant, sentence


def test_sentences_tell_the_split_whatever_the_language() -> None:
    """Two meanings that one language says alike must not fall on both sides of the split."""
    stream = np.random.default_rng(2)
    sample = [draw(stream) for _ in range(2500)]
    for language in LANGUAGES.values():
        splits: dict[str, str] = {}
        for meaning in sample:
            assert splits.setdefault(language.sentence(meaning), meaning.split) == meaning.split


@given(seed=SEEDS)
def test_what_every_transformation_applies_to(seed: int) -> None:
    meaning = drawn(seed, plain=True)
    assert (meaning.tense, meaning.negated, meaning.subject.plural) == ("present", False, False)
    assert isinstance(meaning.subject, Pronoun) or meaning.subject.determiner != "a"
    for language in LANGUAGES.values():
        said = {language.sentence(meaning), *(language.sentence(transform(meaning, name)) for name in EVERY)}
        assert len(said) == 1 + len(EVERY)


@given(seed=SEEDS)
def test_a_transformation_changes_one_thing(seed: int) -> None:
    meaning = drawn(seed, plain=True)
    assert transform(meaning, "past") == replace(meaning, tense="past")
    assert transform(meaning, "future") == replace(meaning, tense="future")
    assert transform(meaning, "negation") == replace(meaning, negated=True)
    plural = transform(meaning, "plural")
    assert plural.subject == replace(meaning.subject, plural=True)
    assert replace(plural, subject=meaning.subject) == meaning


@given(seed=SEEDS)
def test_every_tag_occurs_in_every_language(seed: int) -> None:
    meaning = drawn(seed, every_tag=True)
    for language in LANGUAGES.values():
        tags = {word.tag for word in language.words(meaning)}
        assert {"noun", "verb", "adjective", "adverb", "preposition", "pronoun"} <= tags


def test_sentences_with_every_tag_are_as_varied_as_those_found_by_waiting() -> None:
    """They are made, not waited for: pronouns and adjectives fall where they fall among drawn sentences."""
    stream = np.random.default_rng(4)
    made = [draw(stream, every_tag=True) for _ in range(3000)]
    found = [meaning for meaning in (draw(stream) for _ in range(24000)) if meaning.has_every_tag]
    assert len(found) > 400

    def shares(meanings: list[Meaning]) -> np.ndarray:
        rows = [
            (
                isinstance(meaning.subject, Pronoun),
                isinstance(meaning.complement, Pronoun),
                bool(meaning.object),
                bool(meaning.object and meaning.object.adjective),
                meaning.tense == "past",
            )
            for meaning in meanings
        ]
        return np.mean(rows, axis=0)

    assert shares(made) == pytest.approx(shares(found), abs=0.16)
    assert len({meaning.verb for meaning in made}) == len(concepts("verb"))
    assert len({meaning.adverb for meaning in made}) == len(concepts("adverb"))


@given(seed=SEEDS)
def test_what_is_said_of_what(seed: int) -> None:
    """Classes are heeded: no table eats, no city is young, and nobody sees slowly."""
    meaning = drawn(seed)
    if isinstance(meaning.subject, NounPhrase):
        assert meaning.subject.noun.classes[0] in meaning.verb.classes
    if meaning.object is not None:
        assert {"any", *meaning.object.noun.classes} & set(meaning.verb.objects)
        assert not (meaning.negated and meaning.object.determiner == "a")
    assert bool(meaning.object) == bool(meaning.verb.objects)
    if meaning.adverb is not None and meaning.adverb.classes[0] == "manner":
        assert meaning.verb.manner
    # To wait for somebody is another verb in most languages.
    assert meaning.preposition != "for" or meaning.verb.benefit
    for phrase in meaning.noun_phrases:
        assert not (phrase.plural and phrase.determiner == "a")
        if phrase.adjective:
            animate = "animate" if phrase.noun.classes[0] in ("person", "animal") else "object"
            assert {"any", animate, *phrase.noun.classes} & set(phrase.adjective.classes)


def test_draws_repeat_with_their_seed() -> None:
    assert drawn(5) == drawn(5) != drawn(6)
