"""French: elision, the forms before a vowel, and the two-part negation."""

from __future__ import annotations

from typing import ClassVar

from workbench.tasks.grammar.language import Romance, Word
from workbench.tasks.grammar.lexicon import Row, forms
from workbench.tasks.grammar.meaning import Meaning, NounPhrase

VOWELS = "aàâeéèêëiîïoôuùûyhœ"


class French(Romance):
    """`les petits chats ne voient pas souvent la maison rouge .`"""

    code = "fr"
    name = "French"
    prepositions: ClassVar = {
        "in": "dans", "on": "sur", "under": "sous", "behind": "derrière",
        "with": "avec", "without": "sans", "for": "pour",
    }  # fmt: skip
    subjects: ClassVar = {
        (False, False): "il",
        (True, False): "elle",
        (False, True): "ils",
        (True, True): "elles",
    }
    obliques: ClassVar = {
        (False, False): "lui",
        (True, False): "elle",
        (False, True): "eux",
        (True, True): "elles",
    }

    def verb_group(self, meaning: Meaning) -> list[Word]:
        """Ne ... pas around the verb; ne elides before a vowel."""
        verb = self.verb(meaning)
        if not meaning.negated:
            return [verb]
        return [Word("n'" if verb.text[0] in VOWELS else "ne"), verb, Word("pas")]

    def agree(self, adjective: Row, noun: Row, plural: bool, before: bool) -> str:
        """Bel, vieil, nouvel stand before a masculine singular noun that begins with a vowel sound."""
        if before and not plural and noun["gender"] == "m" and noun["vowel"] == "yes":
            return adjective["masculine_vowel"]
        return super().agree(adjective, noun, plural, before)

    def determiner(self, phrase: NounPhrase, feminine: bool, following: Word) -> str:
        """Le, la, l', les; un, une; ce, cet, cette, ces."""
        vowel = _begins_with_vowel_sound(phrase, following)
        if phrase.determiner == "a":
            return "une" if feminine else "un"
        if phrase.determiner == "this":
            return "ces" if phrase.plural else "cette" if feminine else "cet" if vowel else "ce"
        return "les" if phrase.plural else "l'" if vowel else "la" if feminine else "le"


def _begins_with_vowel_sound(phrase: NounPhrase, following: Word) -> bool:
    concept = phrase.adjective if following.tag == "adjective" and phrase.adjective else phrase.noun
    return forms("fr", concept.part)[concept.name]["vowel"] == "yes"
