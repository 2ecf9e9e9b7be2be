"""English."""

from __future__ import annotations

from workbench.tasks.grammar.language import Language, Word
from workbench.tasks.grammar.meaning import Meaning, NounPhrase, Pronoun


class English(Language):
    """`the small cats do not often see the red house in the garden .`"""

    code = "en"
    name = "English"

    def clause(self, meaning: Meaning) -> list[Word]:
        """Subject, auxiliary, adverb of frequency, verb, object, other adverbs, prepositional phrase."""
        words = [
            *self.phrase(meaning.subject, ("he", "she", "they")),
            *self.auxiliary(meaning),
            *self.adverb(meaning, "frequency"),
            self.main_verb(meaning),
        ]
        if meaning.object:
            words += self.noun_phrase(meaning.object)
        words += self.adverb(meaning, "place", "time", "manner")
        if meaning.preposition and meaning.complement:
            words.append(Word(meaning.preposition, "preposition"))
            words += self.phrase(meaning.complement, ("him", "her", "them"))
        return words

    def auxiliary(self, meaning: Meaning) -> list[Word]:
        """Will, or do with not."""
        if meaning.tense == "future":
            return [Word("will"), Word("not")] if meaning.negated else [Word("will")]
        if not meaning.negated:
            return []
        do = "did" if meaning.tense == "past" else "do" if meaning.subject.plural else "does"
        return [Word(do), Word("not")]

    def main_verb(self, meaning: Meaning) -> Word:
        """The verb: bare after an auxiliary."""
        if meaning.negated or meaning.tense == "future":
            return Word(self.row(meaning.verb)["infinitive"], "verb")
        return self.verb(meaning)

    def phrase(self, phrase: NounPhrase | Pronoun, pronouns: tuple[str, str, str]) -> list[Word]:
        """A noun phrase, or one of the pronouns (masculine, feminine, plural)."""
        if isinstance(phrase, Pronoun):
            return [Word(pronouns[2 if phrase.plural else int(phrase.feminine)], "pronoun")]
        return self.noun_phrase(phrase)

    def noun_phrase(self, phrase: NounPhrase) -> list[Word]:
        """Determiner, adjective, noun."""
        words = [Word(self.row(phrase.noun)["plural" if phrase.plural else "singular"], "noun")]
        if phrase.adjective:
            words.insert(0, Word(self.row(phrase.adjective)["form"], "adjective"))
        determiner = phrase.determiner
        if determiner == "this" and phrase.plural:
            determiner = "these"
        if determiner == "a" and words[0].text[0] in "aeiou":
            determiner = "an"
        return [Word(determiner), *words]
