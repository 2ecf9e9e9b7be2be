"""Spanish: the personal `a` before human objects."""

from __future__ import annotations

from typing import ClassVar

from workbench.tasks.grammar.language import Romance, Word
from workbench.tasks.grammar.meaning import NounPhrase

_DETERMINERS = {
    "the": ("el", "la", "los", "las"),
    "a": ("un", "una"),
    "this": ("este", "esta", "estos", "estas"),
}


class Spanish(Romance):
    """`los gatos pequeños no ven frecuentemente la casa roja .`"""

    code = "es"
    name = "Spanish"
    not_ = "no"
    prepositions: ClassVar = {
        "in": "en", "on": "sobre", "under": "bajo", "behind": "tras",
        "with": "con", "without": "sin", "for": "para",
    }  # fmt: skip
    subjects: ClassVar = {
        (False, False): "él",
        (True, False): "ella",
        (False, True): "ellos",
        (True, True): "ellas",
    }
    obliques = subjects

    def direct_object(self, phrase: NounPhrase | None) -> list[Word]:
        """A human object takes `a`, which merges with `el` into `al`."""
        if phrase is None:
            return []
        words = self.noun_phrase(phrase)
        if phrase.noun.classes[0] != "person":
            return words
        if words[0].text == "el":
            return [Word("al", "preposition"), *words[1:]]
        return [Word("a", "preposition"), *words]

    def determiner(self, phrase: NounPhrase, feminine: bool, following: Word) -> str:
        """El, la, los, las; un, una; este, esta, estos, estas."""
        return _DETERMINERS[phrase.determiner][2 * phrase.plural + feminine]
