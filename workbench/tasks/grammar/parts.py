"""Paper B's six parts of speech and its Null class (a random word), read off the grammar's own tags."""

from __future__ import annotations

import numpy as np

from workbench.tasks.grammar.language import Word

PARTS_OF_SPEECH = ("noun", "verb", "adjective", "adverb", "preposition", "pronoun")
NULL = "random-word"


def first_of(words: list[Word], part: str) -> str:
    """The first word of that part of speech."""
    return next(word.text for word in words if word.tag == part)


def random_word(words: list[Word], stream: np.random.Generator) -> str:
    """Any word but the full stop: there is nothing to be learned from the examples."""
    return words[int(stream.integers(len(words) - 1))].text
