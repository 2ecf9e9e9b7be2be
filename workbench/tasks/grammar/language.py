"""From a meaning to the words of a sentence, each with its part of speech. One subclass per language."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from workbench.tasks.grammar.lexicon import Concept, Row, forms
from workbench.tasks.grammar.meaning import Meaning, NounPhrase, Pronoun


@dataclass(frozen=True)
class Word:
    """A surface form and its part of speech ("other": determiners, negation, auxiliaries, punctuation)."""

    text: str
    tag: str = "other"


def join(words: list[Word]) -> str:
    """The sentence: words apart by spaces, none after an elided word (`l'oiseau`)."""
    return "".join(word.text if word.text.endswith("'") else word.text + " " for word in words).rstrip()


class Language(ABC):
    """A language of the grammar."""

    code: str
    name: str

    def words(self, meaning: Meaning) -> list[Word]:
        """The sentence that says the meaning, ending in a full stop."""
        return [*self.clause(meaning), Word(".")]

    def sentence(self, meaning: Meaning) -> str:
        """The sentence as text."""
        return join(self.words(meaning))

    @abstractmethod
    def clause(self, meaning: Meaning) -> list[Word]:
        """The words without the full stop."""

    def row(self, concept: Concept) -> Row:
        """The language's forms of a concept."""
        return forms(self.code, concept.part)[concept.name]

    def verb(self, meaning: Meaning) -> Word:
        """The finite verb, agreeing with the subject."""
        number = "plural" if meaning.subject.plural else "singular"
        return Word(self.row(meaning.verb)[f"{meaning.tense}_{number}"], "verb")

    def adverb(self, meaning: Meaning, *kinds: str) -> list[Word]:
        """The adverb, if the meaning has one of these kinds."""
        if meaning.adverb is None or meaning.adverb.classes[0] not in kinds:
            return []
        return [Word(self.row(meaning.adverb)["form"], "adverb")]


class Romance(Language):
    """What the Romance languages share: order of the clause, agreement, the place of adjectives."""

    not_: ClassVar[str]
    prepositions: ClassVar[dict[str, str]]
    subjects: ClassVar[dict[tuple[bool, bool], str]]
    """Subject pronouns by (feminine, plural)."""
    obliques: ClassVar[dict[tuple[bool, bool], str]]
    """Pronouns after a preposition."""

    def clause(self, meaning: Meaning) -> list[Word]:
        """Subject, verb, adverb of frequency or manner, object, other adverb, prepositional phrase."""
        return [
            *self.subject(meaning.subject),
            *self.verb_group(meaning),
            *self.adverb(meaning, "frequency", "manner"),
            *self.direct_object(meaning.object),
            *self.adverb(meaning, "place", "time"),
            *self.prepositional_phrase(meaning),
        ]

    def subject(self, phrase: NounPhrase | Pronoun) -> list[Word]:
        """The subject: a noun phrase or an explicit pronoun."""
        if isinstance(phrase, Pronoun):
            return [Word(self.subjects[phrase.feminine, phrase.plural], "pronoun")]
        return self.noun_phrase(phrase)

    def verb_group(self, meaning: Meaning) -> list[Word]:
        """The verb with its negation."""
        return [Word(self.not_), self.verb(meaning)] if meaning.negated else [self.verb(meaning)]

    def direct_object(self, phrase: NounPhrase | None) -> list[Word]:
        """The object, if there is one."""
        return self.noun_phrase(phrase) if phrase else []

    def prepositional_phrase(self, meaning: Meaning) -> list[Word]:
        """Preposition and complement."""
        if meaning.preposition is None or meaning.complement is None:
            return []
        preposition = self.prepositions[meaning.preposition]
        if isinstance(meaning.complement, Pronoun):
            pronoun = self.obliques[meaning.complement.feminine, meaning.complement.plural]
            return [*self.before_pronoun(preposition), Word(pronoun, "pronoun")]
        return self.contract(preposition, self.noun_phrase(meaning.complement))

    def before_pronoun(self, preposition: str) -> list[Word]:
        """The preposition where a pronoun follows."""
        return [Word(preposition, "preposition")]

    def contract(self, preposition: str, phrase: list[Word]) -> list[Word]:
        """The preposition before a noun phrase, merged with its determiner where the language does so."""
        return [Word(preposition, "preposition"), *phrase]

    def noun_phrase(self, phrase: NounPhrase) -> list[Word]:
        """Determiner, noun and adjective, agreeing in gender and number."""
        row = self.row(phrase.noun)
        noun = Word(row["plural" if phrase.plural else "singular"], "noun")
        rest = [noun]
        if phrase.adjective:
            adjective_row = self.row(phrase.adjective)
            before = adjective_row["position"] == "before"
            adjective = Word(self.agree(adjective_row, row, phrase.plural, before), "adjective")
            rest = [adjective, noun] if before else [noun, adjective]
        determiner = self.determiner(phrase, row["gender"] == "f", rest[0])
        return [Word(determiner), *rest]

    def agree(self, adjective: Row, noun: Row, plural: bool, before: bool) -> str:
        """The adjective's form for this noun."""
        gender = "feminine" if noun["gender"] == "f" else "masculine"
        return adjective[f"{gender}_plural" if plural else gender]

    @abstractmethod
    def determiner(self, phrase: NounPhrase, feminine: bool, following: Word) -> str:
        """The determiner's form, which may depend on the word that follows."""
