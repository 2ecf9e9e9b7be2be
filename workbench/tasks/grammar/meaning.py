"""What a sentence says, apart from any language; and how meanings are drawn, transformed and held out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np

from workbench.tasks.grammar.lexicon import Concept, concepts, nouns_of
from workbench.tasks.mapping import Split

Transformation = Literal["past", "negation", "plural", "future"]
TRANSFORMATIONS: tuple[Transformation, ...] = ("past", "negation", "plural")
HELD_OUT_TRANSFORMATION: Transformation = "future"
"""Never trained on: kept for studies that teach `mini` something new."""

LOCATION = {
    "in": ("place",),
    "on": ("surface",),
    "under": ("surface",),
    "behind": ("place", "surface", "vehicle", "landmark"),
}
COMPANY = {"with": ("person", "animal"), "without": ("person", "animal"), "for": ("person",)}
ANIMATE = ("person", "animal")
NEGATABLE = {"often", "always"}
"""Adverbs of frequency that sound natural under negation in every language."""


@dataclass(frozen=True)
class NounPhrase:
    """A determiner (the, a, this), a noun, at most one adjective."""

    noun: Concept
    determiner: str
    plural: bool = False
    adjective: Concept | None = None


@dataclass(frozen=True)
class Pronoun:
    """Third person: he, she or they."""

    feminine: bool
    plural: bool = False


@dataclass(frozen=True)
class Meaning:
    """Subject, verb, and perhaps an object, an adverb and one prepositional phrase."""

    subject: NounPhrase | Pronoun
    verb: Concept
    object: NounPhrase | None = None
    adverb: Concept | None = None
    preposition: str | None = None
    complement: NounPhrase | Pronoun | None = None
    tense: Literal["present", "past", "future"] = "present"
    negated: bool = False

    @property
    def noun_phrases(self) -> list[NounPhrase]:
        """Its noun phrases, in the order of the sentence."""
        return [phrase for phrase in (self.subject, self.object, self.complement) if isinstance(phrase, NounPhrase)]

    @property
    def has_every_tag(self) -> bool:
        """Whether a noun, verb, adjective, adverb, preposition and pronoun all occur."""
        pronoun = isinstance(self.subject, Pronoun) or isinstance(self.complement, Pronoun)
        adjective = any(phrase.adjective for phrase in self.noun_phrases)
        return pronoun and adjective and bool(self.noun_phrases and self.adverb and self.preposition)

    @property
    def split(self) -> Split:
        """Where it belongs. A hash of the content words decides: all variants of a sentence go together."""
        content = [self.verb.name, self.preposition, self.adverb and self.adverb.name]
        for phrase in self.noun_phrases:
            content += [phrase.noun.name, phrase.adjective and phrase.adjective.name]
        bucket = hashlib.sha256(repr(content).encode()).digest()[0]
        return "test" if bucket < 16 else "pool" if bucket < 32 else "train"


def transform(meaning: Meaning, transformation: Transformation) -> Meaning:
    """The meaning in the past or future, negated, or with its subject made plural."""
    if transformation == "plural":
        return replace(meaning, subject=replace(meaning.subject, plural=True))
    if transformation == "negation":
        return replace(meaning, negated=True)
    return replace(meaning, tense=transformation)


def draw(stream: np.random.Generator, *, every_tag: bool = False, plain: bool = False) -> Meaning:
    """Draw a meaning.

    Args:
        stream: source of chance.
        every_tag: draw one in which all six parts of speech occur (and nothing is negated). It is made so, not
            waited for: an adverb and a preposition always, a pronoun and an adjective where they were missing.
        plain: draw one that every transformation applies to: present, affirmative, a singular definite
            subject.
    """
    meaning = _draw(stream, affirmative=plain or every_tag, plain=plain, every_tag=every_tag)
    return _with_adjective(stream, meaning) if every_tag else meaning


def _chance(stream: np.random.Generator, probability: float) -> bool:
    return bool(stream.random() < probability)


def _pick(stream: np.random.Generator, options: tuple[Concept, ...]) -> Concept:
    return options[int(stream.integers(len(options)))]


def _draw(stream: np.random.Generator, *, affirmative: bool, plain: bool, every_tag: bool) -> Meaning:
    verb = _pick(stream, concepts("verb"))
    negated = not affirmative and _chance(stream, 0.25)
    who, whom = _pronouns(stream, verb, every_tag)
    plural = not plain and _chance(stream, 0.33 if who else 0.35)
    subject: NounPhrase | Pronoun
    if who:
        # "they" is not told apart by gender in English, so only the plural of "she" is feminine.
        subject = Pronoun(feminine=not plural and _chance(stream, 0.5), plural=plural)
    else:
        subject = _noun_phrase(stream, verb.classes, 0.4, plural=plural, definite=plain)
    object_ = None
    if verb.objects:
        # Negation of "a" changes the article in French and German; definite objects keep to one rule.
        definite = negated or plain
        object_ = _noun_phrase(stream, verb.objects, 0.35, plural=_chance(stream, 0.3), definite=definite)
    preposition, complement = None, None
    if every_tag or _chance(stream, 0.35 if verb.objects else 0.7):
        preposition, complement = _prepositional_phrase(stream, verb, whom)
    adverb = _adverb(stream, verb, negated or plain) if every_tag or _chance(stream, 0.45) else None
    tense: Literal["present", "past"] = "past" if not plain and _chance(stream, 0.4) else "present"
    return Meaning(subject, verb, object_, adverb, preposition, complement, tense, negated)


def _pronouns(stream: np.random.Generator, verb: Concept, every_tag: bool) -> tuple[bool, bool]:
    """Whether the subject, and whether the complement of a preposition, is a pronoun."""
    who = "person" in verb.classes and _chance(stream, 0.3)
    whom = _chance(stream, 0.29)
    if not every_tag:
        return who, whom
    if not who and not whom:
        who = "person" in verb.classes and _chance(stream, 0.5)
        whom = not who
    # A noun must be left: an intransitive verb has none beside these two.
    return who, whom and not (who and not verb.objects)


def _with_adjective(stream: np.random.Generator, meaning: Meaning) -> Meaning:
    """The meaning, with an adjective if it had none."""
    if any(phrase.adjective for phrase in meaning.noun_phrases):
        return meaning
    parts = ("subject", "object", "complement")
    phrases = [(part, getattr(meaning, part)) for part in parts if isinstance(getattr(meaning, part), NounPhrase)]
    part, phrase = phrases[int(stream.integers(len(phrases)))]
    return replace(meaning, **{part: replace(phrase, adjective=_pick(stream, _adjectives_for(phrase.noun)))})


def _noun_phrase(
    stream: np.random.Generator,
    classes: tuple[str, ...],
    adjective: float,
    *,
    plural: bool,
    definite: bool = False,
) -> NounPhrase:
    noun = _pick(stream, nouns_of(classes))
    share = stream.random()
    determiner = "this" if share < 0.2 else "a" if share < 0.42 and not plural and not definite else "the"
    chosen = _pick(stream, _adjectives_for(noun)) if _chance(stream, adjective) else None
    return NounPhrase(noun, determiner, plural, chosen)


@cache
def _adjectives_for(noun: Concept) -> tuple[Concept, ...]:
    kinds = {"any", *noun.classes, "animate" if noun.classes[0] in ANIMATE else "object"}
    return tuple(adjective for adjective in concepts("adjective") if kinds.intersection(adjective.classes))


def _prepositional_phrase(
    stream: np.random.Generator, verb: Concept, pronoun: bool
) -> tuple[str, NounPhrase | Pronoun]:
    company = [preposition for preposition in COMPANY if preposition != "for" or verb.benefit]
    if pronoun:
        preposition = company[int(stream.integers(len(company)))]
        # German does not tell "without her" from "without them", nor "for her" from "for them".
        plural = preposition == "with" and _chance(stream, 0.33)
        return preposition, Pronoun(feminine=not plural and _chance(stream, 0.5), plural=plural)
    places = COMPANY if _chance(stream, 0.22) else LOCATION
    options = company if places is COMPANY else list(LOCATION)
    preposition = options[int(stream.integers(len(options)))]
    return preposition, _noun_phrase(stream, places[preposition], 0.3, plural=_chance(stream, 0.2))


@cache
def _adverbs_for(manner: bool, negated: bool) -> tuple[Concept, ...]:
    return tuple(
        adverb
        for adverb in concepts("adverb")
        if (manner or adverb.classes[0] != "manner")
        and not (negated and adverb.classes[0] == "frequency" and adverb.name not in NEGATABLE)
    )


def _adverb(stream: np.random.Generator, verb: Concept, negatable: bool) -> Concept:
    return _pick(stream, _adverbs_for(verb.manner, negatable))
