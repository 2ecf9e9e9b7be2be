"""Which tokens belong to the answer's language, to the source's, to another: what a lens counts beside single tokens.

The answer's group is every token of its texts that the source's texts lack; tokens that both have (a full stop) belong
to none. The others are what neither has: where languages share words (French and Italian `le`), such a word counts for
the answer's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Bool
from torch import Tensor

from workbench.models.model import Model
from workbench.random_streams import stream
from workbench.tasks.grammar.languages import LANGUAGES
from workbench.tasks.grammar.meaning import draw
from workbench.tasks.task import Task

SENTENCES = 1500
"""Of each language, drawn to find its words, function words among them."""
GROUPS = ("answer", "source", "others")


@dataclass(frozen=True)
class TokenGroups:
    """Three sets of tokens of a task."""

    answer: str
    """What the answer's group is called; empty where there is none."""
    source: str
    """What the source's group is called; empty where there is none or it is the answer's."""
    others: tuple[str, ...]
    members: Bool[Tensor, "vocabulary three"]
    """In the order of `GROUPS`."""

    @property
    def present(self) -> tuple[bool, bool, bool]:
        """Which of the three there are."""
        answer, source, others = (bool(each) for each in self.members.any(0))
        return answer, source, others


def token_groups(model: Model, task: Task) -> TokenGroups:
    """The groups that a task's answers are told apart by.

    For the grammar's translations (transformed or not): languages, by the words of many sentences. For its parts of
    speech: word classes in that language. For any other task: the tokens of its targets and those of its sources.
    """
    kind, _, ending = task.name.partition("-")
    codes = ending.split("-")
    if task.kind in ("translate", "transform", "word-pair") and len(codes) == 2 and set(codes) <= set(LANGUAGES):
        names = {code: LANGUAGES[code].name for code in LANGUAGES}
        source = "" if codes[0] == codes[1] else names[codes[0]]
        return _groups(model, _by_language(model), names[codes[1]], source)
    if task.kind == "part-of-speech" and kind == "first" and codes[-1] in LANGUAGES:
        return _groups(model, _by_word_class(model, codes[-1]), codes[0], "")
    items = [*task.pool, *task.test]
    own = {"targets": [item.target for item in items], "sources": [item.source for item in items]}
    found = {name: _tokens(model, texts) for name, texts in own.items()}
    return _groups(model, found, "targets", "sources")


def _groups(model: Model, sets: Mapping[str, set[int]], answer: str, source: str) -> TokenGroups:
    """Three groups without a token in common out of named sets."""
    members = torch.zeros(int(model.hooked.cfg.d_vocab), len(GROUPS), dtype=torch.bool)
    own, asked = sets.get(answer, set()), sets.get(source, set())
    others = {name: tokens for name, tokens in sets.items() if name not in (answer, source)}
    for column, tokens in enumerate((own - asked, asked - own, set().union(*others.values()) - own - asked)):
        members[sorted(tokens), column] = True
    present = members.any(0)
    return TokenGroups(
        answer if present[0] else "", source if present[1] else "", tuple(others) if present[2] else (), members
    )


def _tokens(model: Model, texts: Iterable[str]) -> set[int]:
    """Tokens of texts, those that follow a space and those that begin a line."""
    special = set(model.tokenizer.all_special_ids)
    return {token for text in texts for token in model.encode(text)[0]} - special


@lru_cache(maxsize=4)
def _by_language(model: Model) -> dict[str, set[int]]:
    return {
        language.name: _tokens(model, (language.sentence(meaning) + " " for meaning in _meanings()))
        for language in LANGUAGES.values()
    }


@lru_cache(maxsize=8)
def _by_word_class(model: Model, code: str) -> dict[str, set[int]]:
    """Tokens with which the words of each class begin, in sentences of a language."""
    language = LANGUAGES[code]
    found: dict[str, set[int]] = {}
    for meaning in _meanings():
        text, place = language.sentence(meaning) + " ", 0
        at = {start: token for token, (start, end) in zip(*model.encode(text), strict=True) if end > start}
        for word in language.words(meaning):
            place = text.index(word.text, place)
            # Some tokenizers put the space before a word into its token.
            token = at.get(place, at.get(place - 1))
            if token is not None:
                found.setdefault(word.tag, set()).add(token)
            place += len(word.text)
    return found


@lru_cache(maxsize=1)
def _meanings() -> list:
    generator = stream(0, "token groups")
    return [draw(generator) for _ in range(SENTENCES)]
