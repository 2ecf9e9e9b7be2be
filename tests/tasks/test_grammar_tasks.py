"""The grammar's tasks: what they ask and answer, and that no query tells which task it is asked for."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest

from workbench.random_streams import stream
from workbench.tasks.grammar.languages import HELD_OUT_LANGUAGE, LANGUAGES, TRAINED_LANGUAGES
from workbench.tasks.grammar.meaning import TRANSFORMATIONS, Meaning, draw, transform
from workbench.tasks.grammar.parts import NULL, PARTS_OF_SPEECH
from workbench.tasks.grammar.tasks import POOL_SIZE, TEST_SIZE, build, describe, names
from workbench.tasks.mapping import Mapping

SAMPLE = ("translate-en-fr", "past-de-es", "negation-it-it", "plural-fr-en", "first-noun-de")


def drawn(name: str, count: int = 30, seed: int = 0) -> list[tuple[Meaning, str, str]]:
    mapping, generator = describe(name), np.random.default_rng(seed)
    found = []
    for _ in range(count):
        meaning = mapping.draw(generator)
        found.append((meaning, *mapping.pair(meaning, generator)))
    return found


def test_how_many_there_are() -> None:
    heads = Counter(name.split("-")[0] for name in names())
    pairs = len(LANGUAGES) ** 2
    assert heads == {
        "translate": pairs - len(LANGUAGES),
        "past": pairs, "negation": pairs, "plural": pairs, "future": pairs,
        "first": len(LANGUAGES) * len(PARTS_OF_SPEECH), "random": len(LANGUAGES),
    }  # fmt: skip
    assert len(TRAINED_LANGUAGES) >= 5
    assert HELD_OUT_LANGUAGE not in TRAINED_LANGUAGES


@pytest.mark.parametrize("name", SAMPLE)
def test_pool_and_test(name: str) -> None:
    task = build(name)
    assert (len(task.pool), len(task.test)) == (POOL_SIZE, TEST_SIZE)
    sources = [item.source for item in (*task.pool, *task.test)]
    assert len(set(sources)) == len(sources)
    assert len({item.name for item in (*task.pool, *task.test)}) == len(sources)
    assert all(item.target.strip() == item.target != "" for item in (*task.pool, *task.test))


def test_a_task_is_the_same_each_time() -> None:
    first = build("translate-en-de")
    again = build.__wrapped__("translate-en-de")
    assert again is not first
    assert again == first
    assert build("translate-de-en").digest != first.digest


@pytest.mark.parametrize("name", ["translate-en-fr", "past-de-es"])
def test_items_are_sentences_held_out_from_training(name: str) -> None:
    """Drawn again from the stream that made them, so that their meanings are known."""
    task, mapping, source = build(name), describe(name), LANGUAGES[name.split("-")[1]]
    for split, items in (("pool", task.pool), ("test", task.test)):
        wanted = {item.source for item in items}
        generator = stream(0, "grammar", split, name)
        while wanted:
            meaning = mapping.draw(generator)
            if source.sentence(meaning) in wanted:
                assert meaning.split == split
                wanted.remove(source.sentence(meaning))


@pytest.mark.parametrize(("source", "target"), [("en", "fr"), ("de", "it"), ("pt", "es")])
def test_translation(source: str, target: str) -> None:
    for meaning, asked, answer in drawn(f"translate-{source}-{target}"):
        assert asked == LANGUAGES[source].sentence(meaning)
        assert answer == LANGUAGES[target].sentence(meaning)


@pytest.mark.parametrize("name", [*TRANSFORMATIONS, "future"])
def test_transformation(name: str) -> None:
    for meaning, asked, answer in drawn(f"{name}-fr-de"):
        assert asked == LANGUAGES["fr"].sentence(meaning)
        assert answer == LANGUAGES["de"].sentence(transform(meaning, name)) != LANGUAGES["de"].sentence(meaning)


@pytest.mark.parametrize(("part", "code"), list(product(PARTS_OF_SPEECH, LANGUAGES)))
def test_first_of_a_part_of_speech(part: str, code: str) -> None:
    for meaning, asked, answer in drawn(f"first-{part}-{code}", 5):
        words = LANGUAGES[code].words(meaning)
        tags = [word.tag for word in words]
        assert answer == words[tags.index(part)].text
        assert answer in asked


def test_the_null_class_answers_with_any_word() -> None:
    places = Counter()
    for meaning, _, answer in drawn(f"{NULL}-en", 400):
        texts = [word.text for word in LANGUAGES["en"].words(meaning)]
        assert answer in texts[:-1]
        places[texts.index(answer)] += 1
    assert len(places) > 7
    assert max(places.values()) < 120


def test_answers_differ_between_parts_of_speech() -> None:
    for meaning, *_ in drawn("first-noun-en", 50):
        words = LANGUAGES["en"].words(meaning)
        answers = [next(word.text for word in words if word.tag == part) for part in PARTS_OF_SPEECH]
        assert len(set(answers)) == len(answers)


def test_what_a_task_says_of_itself() -> None:
    task = build("past-en-de")
    assert (task.kind, task.score, task.instruction) == ("transform", "bleu", "Translate English to German in the past")
    assert (task.stop, task.target_language) == (("\n",), "de")
    task = build("first-noun-de")
    assert (task.kind, task.score) == ("part-of-speech", "exact_match")
    assert task.instruction == "Name the first noun of the German sentence"


def test_every_task_has_an_instruction_of_its_own() -> None:
    instructions = [describe(name).instruction for name in names()]
    assert len(set(instructions)) == len(instructions)


# No query gives its task away: whatever the task, its source may be asked in other tasks, with other answers.


def group(name: str) -> tuple[str, str]:
    """The language of the source, and whether it is the source of a translation, a transformation or a word."""
    mapping = describe(name)
    return name.split("-")[-1 if mapping.kind == "part-of-speech" else 1], mapping.kind


def test_tasks_of_one_kind_and_source_language_ask_the_very_same_sentences() -> None:
    asked: dict[tuple[str, str], set[tuple[str, ...]]] = {}
    for name in names():
        mapping, generator = describe(name), np.random.default_rng(9)
        language = LANGUAGES[group(name)[0]]
        sources = tuple(language.sentence(mapping.draw(generator)) for _ in range(3))
        asked.setdefault(group(name), set()).add(sources)
    assert len(asked) == 3 * len(LANGUAGES)
    assert all(len(sources) == 1 for sources in asked.values())


def fits(mapping: Mapping[Meaning], meaning: Meaning) -> bool:
    """Whether the task might be asked of the meaning."""
    if mapping.kind != "translate":
        transformed = mapping.kind == "transform"
        definite = (
            getattr(meaning.object, "determiner", "") != "a" and getattr(meaning.subject, "determiner", "") != "a"
        )
        plain = definite and meaning.tense == "present" and not meaning.subject.plural
        return not meaning.negated and (plain if transformed else meaning.has_every_tag)
    return True


@pytest.mark.parametrize("code", TRAINED_LANGUAGES)
def test_every_source_has_several_answers(code: str) -> None:
    own = [name for name in names() if group(name)[0] == code and HELD_OUT_LANGUAGE not in name.split("-")]
    generator = np.random.default_rng(3)
    for name in own:
        meaning = describe(name).draw(generator)
        others = [other for other in own if fits(describe(other), meaning)]
        assert name in others
        answers = {describe(other).pair(meaning, generator)[1] for other in others}
        assert len(answers) >= len(TRAINED_LANGUAGES) - 1
        assert {describe(other).kind for other in others} >= {"translate", describe(name).kind}


def test_kinds_of_task_overlap_in_what_they_ask() -> None:
    """Sentences fit for transformations and for parts of speech are common among those to be translated."""
    generator = np.random.default_rng(8)
    meanings = [draw(generator) for _ in range(6000)]
    kinds = {kind: describe(name) for kind, name in (("transform", "past-en-fr"), ("word", "first-noun-en"))}
    shares = {kind: sum(fits(mapping, meaning) for meaning in meanings) / 6000 for kind, mapping in kinds.items()}
    assert shares["transform"] > 0.1
    assert shares["word"] > 0.02
    assert sum(all(fits(mapping, meaning) for mapping in kinds.values()) for meaning in meanings) > 10
