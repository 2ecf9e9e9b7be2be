"""Portuguese (Brazilian): prepositions that merge with the determiner. `mini` is never trained on it."""

from __future__ import annotations

from typing import ClassVar

from workbench.tasks.grammar.language import Romance, Word
from workbench.tasks.grammar.meaning import NounPhrase

_DETERMINERS = {
    "the": ("o", "a", "os", "as"),
    "a": ("um", "uma"),
    "this": ("este", "esta", "estes", "estas"),
}
_MERGED_STEMS = {"em": "n", "de": "d"}
_MERGING = {form for name in ("the", "this") for form in _DETERMINERS[name]}


class Portuguese(Romance):
    """`os gatos pequenos não veem frequentemente a casa vermelha .`"""

    code = "pt"
    name = "Portuguese"
    not_ = "não"
    prepositions: ClassVar = {
        "in": "em", "on": "sobre", "under": "sob", "behind": "atrás",
        "with": "com", "without": "sem", "for": "para",
    }  # fmt: skip
    subjects: ClassVar = {
        (False, False): "ele",
        (True, False): "ela",
        (False, True): "eles",
        (True, True): "elas",
    }
    obliques = subjects

    def contract(self, preposition: str, phrase: list[Word]) -> list[Word]:
        """`em a` becomes `na`; `atrás` takes `de`, and `de o` becomes `do`."""
        words = []
        if preposition == "atrás":
            words, preposition = [Word("atrás", "preposition")], "de"
        if preposition in _MERGED_STEMS and phrase[0].text in _MERGING:
            merged = _MERGED_STEMS[preposition] + phrase[0].text
            return [*words, Word(merged, "preposition"), *phrase[1:]]
        return [*words, Word(preposition, "preposition"), *phrase]

    def determiner(self, phrase: NounPhrase, feminine: bool, following: Word) -> str:
        """O, a, os, as; um, uma; este, esta, estes, estas."""
        return _DETERMINERS[phrase.determiner][2 * phrase.plural + feminine]
