"""Italian: articles that follow the sound of the next word, and prepositions that merge with them."""

from __future__ import annotations

import re
from typing import ClassVar

from workbench.tasks.grammar.language import Romance, Word
from workbench.tasks.grammar.meaning import NounPhrase

_VOWEL = re.compile("[aàeèéiìoòuù]")
_IMPURE = re.compile("s[^aàeèéiìoòuù]|z|gn|ps|pn|x|y")
_MERGED = {
    "in": {
        "il": "nel",
        "lo": "nello",
        "l'": "nell'",
        "la": "nella",
        "i": "nei",
        "gli": "negli",
        "le": "nelle",
    },
    "su": {
        "il": "sul",
        "lo": "sullo",
        "l'": "sull'",
        "la": "sulla",
        "i": "sui",
        "gli": "sugli",
        "le": "sulle",
    },
}


class Italian(Romance):
    """`i piccoli gatti non vedono spesso la casa rossa .`"""

    code = "it"
    name = "Italian"
    not_ = "non"
    prepositions: ClassVar = {
        "in": "in", "on": "su", "under": "sotto", "behind": "dietro",
        "with": "con", "without": "senza", "for": "per",
    }  # fmt: skip
    subjects: ClassVar = {
        (False, False): "lui",
        (True, False): "lei",
        (False, True): "loro",
        (True, True): "loro",
    }
    obliques = subjects

    def before_pronoun(self, preposition: str) -> list[Word]:
        """`senza di lui`."""
        words = super().before_pronoun(preposition)
        return [*words, Word("di", "preposition")] if preposition == "senza" else words

    def contract(self, preposition: str, phrase: list[Word]) -> list[Word]:
        """`in` and `su` merge with the definite article: nella, sull'."""
        merged = _MERGED.get(preposition, {}).get(phrase[0].text)
        if merged:
            return [Word(merged, "preposition"), *phrase[1:]]
        return super().contract(preposition, phrase)

    def determiner(self, phrase: NounPhrase, feminine: bool, following: Word) -> str:
        """Il, lo, l', la, i, gli, le; un, uno, una, un'; questo, quest', questa, questi, queste."""
        vowel, impure = _VOWEL.match(following.text), _IMPURE.match(following.text)
        if phrase.determiner == "this":
            if vowel and not phrase.plural:
                return "quest'"
            return ("questo", "questa", "questi", "queste")[2 * phrase.plural + feminine]
        if phrase.determiner == "a":
            return ("un'" if vowel else "una") if feminine else "uno" if impure else "un"
        if phrase.plural:
            return "le" if feminine else "gli" if vowel or impure else "i"
        if vowel:
            return "l'"
        return "la" if feminine else "lo" if impure else "il"
