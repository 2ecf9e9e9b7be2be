"""The data files: complete, without two words for one thing or one word for two."""

from __future__ import annotations

import unicodedata
from collections import Counter
from itertools import chain

import pytest

from workbench.tasks.grammar.languages import LANGUAGES
from workbench.tasks.grammar.lexicon import concepts, forms, nouns_of, opposites
from workbench.tasks.grammar.meaning import COMPANY, LOCATION

PARTS = ("noun", "verb", "adjective", "adverb")
CELLS = [(language, part) for language in LANGUAGES for part in PARTS]
FEATURES = {"concept", "gender", "vowel", "position"}
"""Columns that hold no word."""


def words(row: dict[str, str]) -> set[str]:
    return {word for column, word in row.items() if column not in FEATURES}


@pytest.mark.parametrize(("language", "part"), CELLS)
def test_every_concept_has_its_forms(language: str, part: str) -> None:
    rows = forms(language, part)
    assert list(rows) == [concept.name for concept in concepts(part)]
    for row in rows.values():
        # The reader gives None for a cell too many or too few.
        assert None not in [*row, *row.values()], row["concept"]
        for column, cell in row.items():
            assert cell == cell.strip() != "", (row["concept"], column)


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_enough_content_words(language: str) -> None:
    assert sum(len(forms(language, part)) for part in PARTS) >= 150


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_stands_for_two_concepts(language: str) -> None:
    for part in PARTS:
        rows = [words(row) for row in forms(language, part).values()]
        shared = {word: count for word, count in Counter(chain.from_iterable(rows)).items() if count > 1}
        assert not shared, f"{language} {part}s"


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_are_single_words_of_composed_letters(language: str) -> None:
    for part in PARTS:
        for word in chain.from_iterable(map(words, forms(language, part).values())):
            assert word == unicodedata.normalize("NFC", word)
            assert word.replace("'", "").isalpha(), word


def test_concepts_are_told_apart_and_their_classes_known() -> None:
    names = [concept.name for part in ("noun", "verb", "adverb") for concept in concepts(part)]
    assert len(names) == len(set(names))
    known = set(chain.from_iterable(noun.classes for noun in concepts("noun")))
    used = {"person", "animal", *chain.from_iterable((*LOCATION.values(), *COMPANY.values()))}
    for verb in concepts("verb"):
        assert set(verb.classes) <= {"person", "animal"}
        assert set(verb.objects) <= known | {"any"}
        used.update(verb.objects)
    for adjective in concepts("adjective"):
        assert set(adjective.classes) <= known | {"any", "animate", "object"}
        used.update(adjective.classes)
    assert known <= used


def test_every_adjective_and_verb_has_things_to_go_with() -> None:
    for adjective in concepts("adjective"):
        kinds = set(adjective.classes) & {"any", "animate", "object"}
        assert kinds or len(nouns_of(adjective.classes)) >= 9, adjective.name
    for verb in concepts("verb"):
        assert not verb.objects or len(nouns_of(verb.objects)) >= 6, verb.name


def test_every_concept_has_one_opposite_at_most_and_of_its_part() -> None:
    named = list(chain.from_iterable(opposites()))
    assert len(named) == len(set(named))
    assert all(first.part == second.part for first, second in opposites())
    assert Counter(first.part for first, _ in opposites()) == {"adjective": 37, "adverb": 9, "verb": 11, "noun": 7}


@pytest.mark.parametrize("language", LANGUAGES)
def test_genders(language: str) -> None:
    genders = {row.get("gender") for row in forms(language, "noun").values()}
    assert genders == {"en": {None}, "de": {"m", "f", "n"}}.get(language, {"m", "f"})


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_every_noun_shows_its_number(language: str, say) -> None:
    """In a phrase with its article: `la souris` and `les souris` are told apart though the noun is not."""
    for noun in concepts("noun"):
        for determiner in ("the", "this"):
            one = say(language, f"{determiner} {noun.name}", "see")
            many = say(language, f"{determiner}+ {noun.name}", "see")
            assert one.rsplit(" ", 1)[0] != many.rsplit(" ", 1)[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_verb_shows_its_tense_and_number(language: str, mean) -> None:
    one_form = LANGUAGES[language]
    for verb in concepts("verb"):
        sentences = [
            one_form.sentence(mean(subject, verb.name, tense=tense))
            for subject in ("the king", "the+ king")
            for tense in ("present", "past", "future")
        ]
        assert len(set(sentences)) == 6


def test_french_vowels_are_said_where_they_are_written() -> None:
    for part in ("noun", "adjective"):
        for row in forms("fr", part).values():
            word = row["singular" if part == "noun" else "masculine"]
            # Every h of this lexicon is mute but this one.
            assert (row["vowel"] == "yes") == (word[0] in "aàâeéèêiîoôuhœ" and word != "haut"), word


def test_french_adjectives_before_a_vowel() -> None:
    special = {
        row["concept"] for row in forms("fr", "adjective").values() if row["masculine_vowel"] != row["masculine"]
    }
    assert special == {"old", "beautiful", "new"}


def test_german_adjectives_stand_alone_in_another_form_than_before_an_ending() -> None:
    """What an ending is added to and what a word pair shows: der teure Ring, teuer."""
    odd = {row["form"]: row["stem"] for row in forms("de", "adjective").values() if row["form"] != row["stem"]}
    assert odd == {"müde": "müd", "teuer": "teur", "feige": "feig", "hoch": "hoh", "dunkel": "dunkl"}


def test_german_nouns_have_capitals_and_weak_ones_their_ending() -> None:
    rows = forms("de", "noun")
    for row in rows.values():
        assert all(word[0].isupper() for word in words(row))
        assert row["accusative"] == row["dative"]
        assert row["dative_plural"][-1] in "ns"
    weak = {name for name, row in rows.items() if row["accusative"] != row["singular"]}
    assert weak == {"boy", "farmer", "neighbor", "soldier", "student", "bear", "lion", "monkey"}
    assert all(rows[name]["gender"] == "m" for name in weak)


def test_romance_future_and_past_follow_from_the_other_forms() -> None:
    for verb in forms("it", "verb").values():
        assert verb["future_plural"] == verb["future_singular"].removesuffix("à") + "anno"
        assert verb["past_plural"] == verb["past_singular"] + "no"
    for verb in forms("es", "verb").values():
        assert verb["future_plural"] == verb["future_singular"].removesuffix("á") + "án"
        assert verb["past_plural"] == verb["past_singular"] + "n"
    for verb in forms("pt", "verb").values():
        assert verb["future_plural"] == verb["future_singular"].removesuffix("á") + "ão"
        assert verb["past_plural"] == verb["past_singular"] + "m"
    for verb in forms("fr", "verb").values():
        assert verb["future_plural"] == verb["future_singular"].removesuffix("a") + "ont"
        assert verb["past_plural"] == verb["past_singular"].removesuffix("ait") + "aient"
