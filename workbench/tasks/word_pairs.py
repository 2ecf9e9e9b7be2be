"""Single words to single words: the opposite, the plural, the past, the word of another language.

No query gives its task away: a noun may be asked for its plural, for its opposite or in another language. Within
one task every source has one answer; words that stand for two things (German `gut`, good and well) are left out.
A space ends every source, as it ends every word of the grammar's sentences: the embedded model has one token for a word
and the space after it.

These pairs are facts that a model has to know: every one of them occurs in the embedded model's training, as the
pairs of Hendel et al. (2023) and Todd et al. (2024) occur in the pretraining of theirs. What a
test holds out is the prompt: its examples come from a part of the vocabulary that holds no queries.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, permutations

import numpy as np

from workbench.tasks.family import Family
from workbench.tasks.grammar.languages import LANGUAGES
from workbench.tasks.grammar.lexicon import PARTS, Concept, concepts, forms, opposites
from workbench.tasks.mapping import Mapping, Split
from workbench.tasks.task import Item, Task

KIND = "word-pair"
POOL_SHARE = 0.25
"""Share of the concepts that examples are drawn from; the rest are queries."""
_COLUMNS = {"noun": ("singular",), "verb": ("present_singular", "present_plural")}
"""Forms that are translated; opposites are between the first of them. An adjective or adverb has one."""
_INSTRUCTIONS = {
    "opposite": "Give the opposite of the {} word",
    "singular-to-plural": "Give the plural of the {} noun",
    "present-to-past": "Give the past of the {} verb",
}


@dataclass(frozen=True)
class WordPair:
    """A source and its answer."""

    concept: str
    """What the words stand for: pairs of one concept are all examples or all queries."""
    source: str
    target: str
    split: Split = "train"
    """Every pair is trained on."""

    @property
    def asked(self) -> str:
        """The source as a prompt shows it, with the space after it that belongs to the word's token."""
        return f"{self.source} "


def names() -> list[str]:
    """Every task of word pairs, those of the left-out language among them."""
    return [
        *(f"{head}-{code}" for head in _INSTRUCTIONS for code in LANGUAGES),
        *(f"word-{source}-{target}" for source, target in permutations(LANGUAGES, 2)),
    ]


@cache
def describe(name: str) -> Mapping[WordPair]:
    """The mapping behind a task's name."""
    head, _, code = name.rpartition("-")
    if head in _INSTRUCTIONS:
        instruction = _INSTRUCTIONS[head].format(LANGUAGES[code].name)
    else:
        source = head.removeprefix("word-")
        instruction = f"Translate the word from {LANGUAGES[source].name} to {LANGUAGES[code].name}"
    return Mapping(KIND, instruction, partial(_draw, name), lambda pair, _: (pair.asked, pair.target))


@cache
def pairs(name: str) -> tuple[WordPair, ...]:
    """All pairs of a task, in the order of the data files."""
    head, _, code = name.rpartition("-")
    every = list(_CANDIDATES[head](code) if head in _CANDIDATES else _words(head.removeprefix("word-"), code))
    readings: dict[str, set[WordPair]] = defaultdict(set)
    for pair in every:
        readings[pair.source].add(pair)
    return tuple(pair for pair in every if len(readings[pair.source]) == 1)


@cache
def build(name: str) -> Task:
    """The task of that name: examples from a quarter of the concepts, queries from the rest."""
    mapping, every = describe(name), pairs(name)
    concept_names = sorted(
        {pair.concept for pair in every}, key=lambda concept: hashlib.sha256(concept.encode()).digest()
    )
    shown = set(concept_names[: round(POOL_SHARE * len(concept_names))])
    pool = _items(f"{name}/pool", [pair for pair in every if pair.concept in shown])
    test = _items(f"{name}/test", [pair for pair in every if pair.concept not in shown])
    return Task(
        name=name,
        kind=KIND,
        instruction=mapping.instruction,
        pool=pool,
        test=test,
        score="exact_match",
        stop=("\n",),
        target_language=name.rpartition("-")[2],
        max_new_tokens=8,
        digest=hashlib.sha256(repr((pool, test)).encode()).hexdigest(),
    )


def _draw(name: str, generator: np.random.Generator) -> WordPair:
    every = pairs(name)
    return every[int(generator.integers(len(every)))]


def _items(prefix: str, chosen: list[WordPair]) -> tuple[Item, ...]:
    # In the order of a hash, so that the first few are not all of one part of speech.
    chosen = sorted(chosen, key=lambda pair: hashlib.sha256(f"{prefix}/{pair.source}".encode()).digest())
    return tuple(Item(f"{prefix}/{number}", pair.asked, pair.target) for number, pair in enumerate(chosen))


def _forms(code: str, concept: Concept) -> list[str]:
    row = forms(code, concept.part)[concept.name]
    # A Romance adjective is shown in the masculine.
    alone = "form" if "form" in row else "masculine"
    return [row[column] for column in _COLUMNS.get(concept.part, (alone,))]


def _words(source: str, target: str) -> Iterator[WordPair]:
    for concept in chain.from_iterable(map(concepts, PARTS)):
        for asked, answer in zip(_forms(source, concept), _forms(target, concept), strict=True):
            yield WordPair(concept.name, asked, answer)


def _opposites(code: str) -> Iterator[WordPair]:
    for first, second in opposites():
        # One name for both directions: an example must not be a query turned round.
        name = f"{first.name}, {second.name}"
        one, other = _forms(code, first)[0], _forms(code, second)[0]
        yield WordPair(name, one, other)
        yield WordPair(name, other, one)


def _plurals(code: str) -> Iterator[WordPair]:
    for concept in concepts("noun"):
        row = forms(code, "noun")[concept.name]
        yield WordPair(concept.name, row["singular"], row["plural"])


def _pasts(code: str) -> Iterator[WordPair]:
    for concept in concepts("verb"):
        row = forms(code, "verb")[concept.name]
        for number in ("singular", "plural"):
            yield WordPair(concept.name, row[f"present_{number}"], row[f"past_{number}"])


_CANDIDATES: dict[str, Callable[[str], Iterator[WordPair]]] = {
    "opposite": _opposites,
    "singular-to-plural": _plurals,
    "present-to-past": _pasts,
}


def _family(head: str, varying: str, description: str) -> Family:
    own = tuple(name for name in names() if name.startswith(f"{head}-"))
    return Family(f"{head}-{varying}", KIND, description, lambda name, data: build(name), own)


_KNOWN = "mini learned every pair; examples and queries share none"
FAMILIES = (
    _family("opposite", "LANGUAGE", f"a word's opposite ({_KNOWN})"),
    _family("singular-to-plural", "LANGUAGE", f"a noun's plural ({_KNOWN})"),
    _family("present-to-past", "LANGUAGE", f"a verb's past ({_KNOWN})"),
    _family("word", "SOURCE-TARGET", f"a word in another language; any two of {', '.join(LANGUAGES)} ({_KNOWN})"),
)
