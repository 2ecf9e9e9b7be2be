"""Paper B's part-of-speech tasks over a treebank of the user's: `conllu:first-noun:PATH` and six more.

Han, Song, Gore and Agrawal (arXiv 2412.12276), section 5 and appendix: a sentence is answered by its first noun,
adjective, verb, adverb, preposition or pronoun, and in the Null class by any of its words. Sentences that hold all six
tags are kept, so that every task may be asked of every sentence; four fifths are the pool of examples, a fifth is
tested. The paper reads the Penn Treebank; this reads CoNLL-U (Universal Dependencies), in which proper nouns and
auxiliary verbs have tags of their own and are neither nouns nor verbs here.

A sentence is shown as its syntactic words, apart by spaces, as the Penn Treebank writes it ("do n't", "John 's"): a
multiword token is shown as its parts, since only these have tags. Empty nodes are not shown.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from workbench.errors import UserError
from workbench.random_streams import stream
from workbench.tasks.family import Family
from workbench.tasks.grammar.parts import NULL
from workbench.tasks.rows import divided, items, read_text
from workbench.tasks.task import Task

TAGS = {"noun": "NOUN", "adjective": "ADJ", "verb": "VERB", "adverb": "ADV", "preposition": "ADP", "pronoun": "PRON"}
"""Universal tags of the paper's six parts of speech."""
POOL_SHARE = 0.8
ASKED = (*(f"first-{part}" for part in TAGS), NULL)
"""What a task asks for."""
_OTHER_TAGS = ("AUX", "CCONJ", "DET", "INTJ", "NUM", "PART", "PROPN", "PUNCT", "SCONJ", "SYM", "X")
_UNTAGGED = "_"
_TAGS = frozenset((*TAGS.values(), *_OTHER_TAGS, _UNTAGGED))
_COLUMNS = 10
_NOT_A_WORD = re.compile(r"\d+-\d+|\d+\.\d+")
"""Numbers of multiword tokens and of empty nodes."""


class Word(NamedTuple):
    """A syntactic word and its universal part-of-speech tag."""

    form: str
    tag: str


Sentence = tuple[Word, ...]


def build(name: str, data: Path | None = None) -> Task:
    """The task `conllu:PART:PATH`, of a file or of all `.conllu` files of a folder; `data` is not looked at.

    Raises:
        UserError: no such part, the file is no CoNLL-U or has no tags, or too few of its sentences hold all six.
    """
    _, asked, given = _name_parts(name)
    path = Path(given).expanduser()
    sentences = [sentence for file in _files(path, name) for sentence in read_sentences(read_text(file, name), file)]
    if all(word.tag == _UNTAGGED for sentence in sentences for word in sentence):
        raise UserError(f"{path} has no part-of-speech tags (column 4 is {_UNTAGGED!r} everywhere); tag it first.")
    pool, test = divided(_usable(sentences, path), POOL_SHARE, "conllu")
    shown, tested = (items(name, split, _pairs(rows, asked)) for split, rows in (("pool", pool), ("test", test)))
    return Task(
        name=name,
        kind="part-of-speech",
        instruction=f"Name {_named(asked)} of the sentence",
        pool=shown,
        test=tested,
        score="exact_match",
        stop=("\n",),
        max_new_tokens=8,
        digest=hashlib.sha256(repr((shown, tested)).encode()).hexdigest(),
        drawn_as=f"conllu:{path.name}",
    )


FAMILIES = (
    Family(
        "conllu:PART:PATH",
        "part-of-speech",
        f"your own treebank, a file or folder of CoNLL-U; PART is one of {', '.join(ASKED)}",
        build,
    ),
)


@lru_cache(maxsize=4)
def read_sentences(content: str, path: Path) -> tuple[Sentence, ...]:
    """The sentences of a CoNLL-U file, each its syntactic words; comments, multiword tokens and empty nodes left out.

    Raises:
        UserError: a line has not ten columns, a word's number does not follow the last one's, or a tag is not
            universal.
    """
    sentences: list[Sentence] = []
    words: list[Word] = []
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            if words:
                sentences.append(tuple(words))
                words = []
        elif not line.startswith("#"):
            cells = line.split("\t")
            if _NOT_A_WORD.fullmatch(cells[0]) and len(cells) == _COLUMNS:
                continue
            if (
                len(cells) != _COLUMNS
                or cells[0] != str(len(words) + 1)
                or not cells[1].strip()
                or cells[3] not in _TAGS
            ):
                raise _refused(cells, len(words) + 1, f"line {number} of {path}")
            words.append(Word(cells[1], cells[3]))
    return (*sentences, tuple(words)) if words else tuple(sentences)


def _refused(cells: Sequence[str], expected: int, where: str) -> UserError:
    """What is wrong with the columns of a line."""
    if len(cells) != _COLUMNS:
        return UserError(f"CoNLL-U has {_COLUMNS} columns apart by tabs; {where} has {len(cells)}.")
    if cells[0] != str(expected):
        return UserError(
            f"The word in {where} is numbered {cells[0]!r}; {expected} is expected, counting in its sentence."
        )
    if not cells[1].strip():
        return UserError(f"The word in {where} is empty.")
    return UserError(f"The tag in {where} is {cells[3]!r}; column 4 holds universal tags, such as NOUN or VERB.")


def _name_parts(name: str) -> list[str]:
    parts = name.split(":", 2)
    if len(parts) < 3 or parts[1] not in ASKED:
        raise UserError(
            f"Task {name!r} should look like 'conllu:first-noun:FILE.conllu'; after 'conllu:' comes one of "
            f"{', '.join(ASKED)}."
        )
    return parts


def _files(path: Path, name: str) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(path.glob("*.conllu"))
    if not files:
        raise UserError(f"The folder {path} holds no .conllu file (task {name!r}).")
    return files


def _usable(sentences: Sequence[Sentence], path: Path) -> list[Sentence]:
    """Sentences that hold all six tags, are tagged throughout, and differ in their text."""
    tagged = [sentence for sentence in sentences if all(word.tag != _UNTAGGED for word in sentence)]
    wanted = set(TAGS.values())
    unique = {_text(sentence): sentence for sentence in tagged if wanted <= {word.tag for word in sentence}}
    if len(unique) < 2:
        raise UserError(
            f"{path} has {len(unique)} sentences that hold a word of each of {', '.join(TAGS.values())}, among "
            f"{len(sentences)}; two or more are needed to show one and ask of another."
        )
    return list(unique.values())


def _pairs(sentences: Sequence[Sentence], asked: str) -> list[tuple[str, str]]:
    return [(_text(sentence), _answer(sentence, asked)) for sentence in sentences]


def _answer(sentence: Sentence, asked: str) -> str:
    if asked != NULL:
        return next(word.form for word in sentence if word.tag == TAGS[asked.removeprefix("first-")])
    # From the sentence alone, so that another sentence in the file changes no answer.
    words = [word.form for word in sentence if word.tag != "PUNCT"]
    return words[int(stream(0, "conllu", NULL, _text(sentence)).integers(len(words)))]


def _named(asked: str) -> str:
    return "any word" if asked == NULL else f"the {asked.replace('-', ' ')}"


def _text(sentence: Sentence) -> str:
    return " ".join(word.form for word in sentence)
