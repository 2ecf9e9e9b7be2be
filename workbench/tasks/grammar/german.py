"""German: endings by case, gender and determiner; `nicht` after a definite object; capitals for nouns."""

from __future__ import annotations

from workbench.tasks.grammar.language import Language, Word
from workbench.tasks.grammar.meaning import Meaning, NounPhrase, Pronoun

# Columns: masculine, feminine, neuter, plural.
_Table = dict[str, tuple[str, ...]]
_GENDERS = {"m": 0, "f": 1, "n": 2}
_THE: _Table = {
    "nominative": ("der", "die", "das", "die"),
    "accusative": ("den", "die", "das", "die"),
    "dative": ("dem", "der", "dem", "den"),
}
_THIS: _Table = {
    "nominative": ("dieser", "diese", "dieses", "diese"),
    "accusative": ("diesen", "diese", "dieses", "diese"),
    "dative": ("diesem", "dieser", "diesem", "diesen"),
}
_A: _Table = {
    "nominative": ("ein", "eine", "ein"),
    "accusative": ("einen", "eine", "ein"),
    "dative": ("einem", "einer", "einem"),
}
_WEAK: _Table = {
    "nominative": ("e", "e", "e", "en"),
    "accusative": ("en", "e", "e", "en"),
    "dative": ("en", "en", "en", "en"),
}
_MIXED: _Table = {
    "nominative": ("er", "e", "es"),
    "accusative": ("en", "e", "es"),
    "dative": ("en", "en", "en"),
}
_DETERMINERS: dict[str, tuple[_Table, _Table]] = {
    "the": (_THE, _WEAK),
    "this": (_THIS, _WEAK),
    "a": (_A, _MIXED),
}
"""Forms of the determiner, and the endings of the adjective after it."""
# Pronouns: he, she, they.
_PRONOUNS = {
    "nominative": ("er", "sie", "sie"),
    "accusative": ("ihn", "sie", "sie"),
    "dative": ("ihm", "ihr", "ihnen"),
}
_PREPOSITIONS = {
    "in": ("in", "dative"),
    "on": ("auf", "dative"),
    "under": ("unter", "dative"),
    "behind": ("hinter", "dative"),
    "with": ("mit", "dative"),
    "without": ("ohne", "accusative"),
    "for": ("für", "accusative"),
}


class German(Language):
    """`die kleinen Katzen sehen das rote Haus heute nicht im Garten .`"""

    code = "de"
    name = "German"

    def clause(self, meaning: Meaning) -> list[Word]:
        """The order of the clause.

        Subject, verb, definite object, place or time, nicht, other adverb, indefinite object, prepositional
        phrase, infinitive.
        """
        indefinite = meaning.object is not None and meaning.object.determiner == "a"
        object_ = self.phrase(meaning.object, "accusative") if meaning.object else []
        infinitive = [Word(self.row(meaning.verb)["infinitive"], "verb")]
        future = meaning.tense == "future"
        return [
            *self.phrase(meaning.subject, "nominative"),
            Word("werden" if meaning.subject.plural else "wird") if future else self.verb(meaning),
            *([] if indefinite else object_),
            *self.adverb(meaning, "place", "time"),
            *([Word("nicht")] if meaning.negated else []),
            *self.adverb(meaning, "frequency", "manner"),
            *(object_ if indefinite else []),
            *self.prepositional_phrase(meaning),
            *(infinitive if future else []),
        ]

    def prepositional_phrase(self, meaning: Meaning) -> list[Word]:
        """The preposition with its case; `in dem` becomes `im`."""
        if meaning.preposition is None or meaning.complement is None:
            return []
        preposition, case = _PREPOSITIONS[meaning.preposition]
        words = self.phrase(meaning.complement, case)
        if preposition == "in" and words[0].text == "dem":
            return [Word("im", "preposition"), *words[1:]]
        return [Word(preposition, "preposition"), *words]

    def phrase(self, phrase: NounPhrase | Pronoun, case: str) -> list[Word]:
        """A noun phrase or pronoun in a case."""
        if isinstance(phrase, Pronoun):
            return [Word(_PRONOUNS[case][2 if phrase.plural else int(phrase.feminine)], "pronoun")]
        row = self.row(phrase.noun)
        column = 3 if phrase.plural else _GENDERS[row["gender"]]
        determiners, endings = _DETERMINERS[phrase.determiner]
        words = [Word(determiners[case][column])]
        if phrase.adjective:
            words.append(Word(self.row(phrase.adjective)["stem"] + endings[case][column], "adjective"))
        if phrase.plural:
            noun = row["dative_plural" if case == "dative" else "plural"]
        else:
            noun = row["singular" if case == "nominative" else case]
        return [*words, Word(noun, "noun")]
