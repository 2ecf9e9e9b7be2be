"""Word pairs: right words, one answer each, and prompts whose examples do not give the query away."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from workbench.tasks.grammar import tasks as grammar
from workbench.tasks.grammar.languages import HELD_OUT_LANGUAGE, LANGUAGES, TRAINED_LANGUAGES
from workbench.tasks.registry import find_task
from workbench.tasks.word_pairs import KIND, WordPair, build, describe, names, pairs


def answers(name: str) -> dict[str, str]:
    return {pair.source: pair.target for pair in pairs(name)}


def test_how_many_there_are() -> None:
    counts = Counter(name.split("-")[0] for name in names())
    assert counts == {"opposite": 6, "singular": 6, "present": 6, "word": 30}
    assert not set(names()) & set(grammar.names())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("opposite-en", {"small": "big", "big": "small", "opens": "closes", "king": "queen", "here": "there"}),
        ("opposite-fr", {"petit": "grand", "ouvre": "ferme", "fermé": None, "bon": "mauvais", "haut": "bas"}),
        ("opposite-de", {"teuer": "billig", "hoch": "niedrig", "müde": "ausgeruht", "Feind": "Freund"}),
        ("opposite-es", {"rápidamente": "lentamente", "claro": "oscuro", "amigo": "enemigo"}),
        ("opposite-it", {"luminoso": "buio", "compra": "vende", "antico": "moderno"}),
        ("opposite-pt", {"bom": "mau", "útil": "inútil"}),
        ("singular-to-plural-en", {"mouse": "mice", "child": "children", "thief": "thieves"}),
        ("singular-to-plural-fr", {"cheval": "chevaux", "bateau": "bateaux", "souris": "souris"}),
        ("singular-to-plural-de", {"Buch": "Bücher", "Mädchen": "Mädchen", "Tal": "Täler"}),
        ("singular-to-plural-it", {"uomo": "uomini", "amico": "amici", "città": "città"}),
        ("present-to-past-en", {"sees": "saw", "see": "saw", "hides": "hid"}),
        ("present-to-past-de", {"schließt": "schloss", "schließen": "schlossen"}),
        ("present-to-past-fr", {"détruit": "détruisait", "détruisent": "détruisaient"}),
        ("word-en-de", {"small": "klein", "dog": "Hund", "well": "gut", "good": "gut", "builds": "baut"}),
        ("word-fr-it", {"clair": "luminoso", "cheval": "cavallo", "dedans": "dentro"}),
    ],
)
def test_pairs(name: str, expected: dict[str, str | None]) -> None:
    found = answers(name)
    assert {source: found.get(source) for source in expected} == expected


@pytest.mark.parametrize("name", names())
def test_every_source_has_one_answer_and_enough_are_left(name: str) -> None:
    sources = [pair.source for pair in pairs(name)]
    assert len(sources) == len(set(sources)) >= (320 if name.startswith("word-") else 110)
    # An interval of the recognition layer needs 74 prompts; 10 examples and more must be there to draw.
    assert len(build(name).test) >= 74
    assert len(build(name).pool) >= 28


def test_words_with_two_answers_are_left_out() -> None:
    """German `gut` is both good and well, Spanish `cocina` a kitchen and cooks; English has each word once."""
    assert not {"gut", "schlecht", "laut"} & set(answers("word-de-en"))
    assert "cocina" not in answers("word-es-fr")
    # Left out even where both readings agree, lest the word be asked for its opposite only.
    assert not {"gut", "schlecht", "laut"} & set(answers("opposite-de"))
    assert answers("opposite-de")["ruhig"] == "laut"


def test_an_opposite_of_an_opposite_is_the_word_itself() -> None:
    for code in TRAINED_LANGUAGES:
        found = answers(f"opposite-{code}")
        turned = [source for source, target in found.items() if found.get(target, source) != source]
        assert not turned


@pytest.mark.parametrize("name", ["opposite-en", "singular-to-plural-de", "present-to-past-it", "word-es-en"])
def test_examples_hold_no_word_of_a_query(name: str) -> None:
    """Neither turned round (big: small) nor in another number (see: saw)."""
    task, concept = build(name), {pair.asked: pair.concept for pair in pairs(name)}
    assert not {concept[item.source] for item in task.pool} & {concept[item.source] for item in task.test}
    shown = {word.strip() for item in task.pool for word in (item.source, item.target)}
    assert not shown & {word.strip() for item in task.test for word in (item.source, item.target)}
    assert {item.source for item in (*task.pool, *task.test)} == set(concept)


def test_all_pairs_are_drawn_for_training() -> None:
    mapping, generator = describe("opposite-en"), np.random.default_rng(0)
    drawn = [mapping.draw(generator) for _ in range(2500)]
    assert {pair.split for pair in drawn} == {"train"}
    assert {mapping.pair(pair, generator) for pair in drawn} == {
        (f"{source} ", target) for source, target in answers("opposite-en").items()
    }
    counts = Counter(pair.source for pair in drawn)
    assert max(counts.values()) < 50


@pytest.mark.parametrize("code", TRAINED_LANGUAGES)
def test_no_word_gives_its_task_away(code: str) -> None:
    """Every source of a task is asked in another of its language, with another answer."""
    translations = [f"word-{code}-{other}" for other in TRAINED_LANGUAGES if other != code]
    own = [*translations, f"opposite-{code}", f"singular-to-plural-{code}", f"present-to-past-{code}"]
    for name in own:
        for source, target in answers(name).items():
            others = {answers(other).get(source) for other in own if other != name}
            assert others - {None, target}, (name, source)


def test_what_a_task_says_of_itself() -> None:
    task = find_task("present-to-past-de")
    assert task is build("present-to-past-de")
    assert (task.kind, task.score, task.stop, task.max_new_tokens) == (KIND, "exact_match", ("\n",), 8)
    assert task.instruction == "Give the past of the German verb"
    task = find_task("word-en-fr")
    assert (task.instruction, task.target_language) == ("Translate the word from English to French", "fr")


def test_every_task_has_an_instruction_of_its_own() -> None:
    instructions = [describe(name).instruction for name in names()]
    others = {grammar.describe(name).instruction for name in grammar.names()}
    assert len(set(instructions) - others) == len(names())


def test_the_left_out_language_has_its_tasks() -> None:
    assert {f"opposite-{HELD_OUT_LANGUAGE}", f"word-en-{HELD_OUT_LANGUAGE}"} <= set(names())
    assert isinstance(pairs(f"word-{HELD_OUT_LANGUAGE}-en")[0], WordPair)
    assert len(LANGUAGES) == len(TRAINED_LANGUAGES) + 1
