"""The grammar's tasks: translate, translate and transform, and find a part of speech.

No query gives its task away: every sentence may be asked for in any language, transformed or not, or for one
of its words. Sentences are split by their content words, so that no variant of a test sentence is ever
trained on.
"""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache, partial
from itertools import product
from typing import cast

import numpy as np

from workbench.random_streams import stream
from workbench.tasks.family import Family
from workbench.tasks.grammar.languages import LANGUAGES
from workbench.tasks.grammar.meaning import (
    HELD_OUT_TRANSFORMATION,
    TRANSFORMATIONS,
    Meaning,
    Transformation,
    draw,
    transform,
)
from workbench.tasks.grammar.parts import NULL, PARTS_OF_SPEECH, first_of, random_word
from workbench.tasks.mapping import Mapping
from workbench.tasks.task import Item, Task

POOL_SIZE = 100
TEST_SIZE = 200

INSTRUCTIONS = {
    "past": "in the past",
    "negation": "and negate it",
    "plural": "with a plural subject",
    "future": "in the future",
}


def names() -> list[str]:
    """Every task of the grammar, those left out of training among them."""
    pairs = list(product(LANGUAGES, LANGUAGES))
    transformations = (*TRANSFORMATIONS, HELD_OUT_TRANSFORMATION)
    return [
        *(f"translate-{source}-{target}" for source, target in pairs if source != target),
        *(f"{name}-{source}-{target}" for name in transformations for source, target in pairs),
        *(f"first-{part}-{language}" for part in PARTS_OF_SPEECH for language in LANGUAGES),
        *(f"{NULL}-{language}" for language in LANGUAGES),
    ]


@lru_cache(maxsize=64)
def build(name: str) -> Task:
    """The task of that name, with its pool and test set drawn from held-out sentences."""
    mapping = describe(name)
    part_of_speech = mapping.kind == "part-of-speech"
    pool, test = _items(name, "pool", POOL_SIZE, mapping), _items(name, "test", TEST_SIZE, mapping)
    return Task(
        name=name,
        kind=mapping.kind,
        instruction=mapping.instruction,
        pool=pool,
        test=test,
        score="exact_match" if part_of_speech else "bleu",
        stop=("\n",),
        target_language="" if part_of_speech else name.rsplit("-", maxsplit=1)[-1],
        max_new_tokens=8 if part_of_speech else 32,
        digest=hashlib.sha256(repr((pool, test)).encode()).hexdigest(),
    )


@cache
def describe(name: str) -> Mapping[Meaning]:
    """The mapping behind a task's name."""
    head, *rest = name.split("-")
    if head in ("first", "random"):
        return _part_of_speech(rest[0] if head == "first" else NULL, rest[-1])
    source, target = (LANGUAGES[code] for code in rest)
    asked = f"Translate {source.name} to {target.name}"
    if head == "translate":
        return Mapping(
            "translate", asked, draw, lambda meaning, _: (source.sentence(meaning), target.sentence(meaning))
        )
    transformation = cast(Transformation, head)
    return Mapping(
        "transform",
        f"{asked} {INSTRUCTIONS[transformation]}",
        partial(draw, plain=True),
        lambda meaning, _: (source.sentence(meaning), target.sentence(transform(meaning, transformation))),
    )


def _part_of_speech(part: str, code: str) -> Mapping[Meaning]:
    language = LANGUAGES[code]

    def pair(meaning: Meaning, generator: np.random.Generator) -> tuple[str, str]:
        words = language.words(meaning)
        answer = random_word(words, generator) if part == NULL else first_of(words, part)
        return language.sentence(meaning), answer

    asked = "any word" if part == NULL else f"the first {part}"
    instruction = f"Name {asked} of the {language.name} sentence"
    return Mapping("part-of-speech", instruction, partial(draw, every_tag=True), pair)


def _items(name: str, split: str, count: int, mapping: Mapping[Meaning]) -> tuple[Item, ...]:
    generator = stream(0, "grammar", split, name)
    items: dict[str, Item] = {}
    while len(items) < count:
        meaning = mapping.draw(generator)
        if meaning.split != split:
            continue
        source, target = mapping.pair(meaning, generator)
        if source not in items:
            items[source] = Item(f"{name}/{split}/{len(items)}", source, target)
    return tuple(items.values())


def _family(head: str, varying: str, kind: str, description: str) -> Family:
    own = tuple(name for name in names() if name.startswith(f"{head}-"))
    return Family(f"{head}-{varying}", kind, description, lambda name, data: build(name), own)


_DONE = {
    "past": "put in the past",
    "negation": "negated",
    "plural": "given a plural subject",
    "future": "put in the future, which mini never saw",
}
FAMILIES = (
    _family(
        "translate",
        "SOURCE-TARGET",
        "translate",
        f"the grammar's sentences; any two of {', '.join(LANGUAGES)}",
    ),
    *(
        _family(head, "SOURCE-TARGET", "transform", f"the grammar's sentences, translated and {how}")
        for head, how in _DONE.items()
    ),
    _family("first", "PART-LANGUAGE", "part-of-speech", f"a sentence's first {', '.join(PARTS_OF_SPEECH)}"),
    _family(
        NULL,
        "LANGUAGE",
        "part-of-speech",
        "any word of a sentence: nothing to recognise (paper B's Null), 12% by chance",
    ),
)
