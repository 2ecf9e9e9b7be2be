"""A few sentences in all languages, read by hand: what the grammar says, nothing more and nothing less."""

from __future__ import annotations

import pytest

from workbench.tasks.grammar.language import Word, join
from workbench.tasks.grammar.languages import LANGUAGES

SENTENCES = [
    (
        ("the+ cat small", "see", "the house red"),
        {"negated": True, "adverb": "often", "place": "in the garden"},
        {
            "en": "the small cats do not often see the red house in the garden .",
            "fr": "les petits chats ne voient pas souvent la maison rouge dans le jardin .",
            "de": "die kleinen Katzen sehen das rote Haus nicht oft im Garten .",
            "es": "los gatos pequeños no ven frecuentemente la casa roja en el jardín .",
            "it": "i piccoli gatti non vedono spesso la casa rossa nel giardino .",
            "pt": "os gatos pequenos não veem frequentemente a casa vermelha no jardim .",
        },
    ),
    (
        ("a friend old", "find", "this+ key"),
        {"tense": "past", "place": "under the carpet"},
        {
            "en": "an old friend found these keys under the carpet .",
            "fr": "un vieil ami trouvait ces clés sous le tapis .",
            "de": "ein alter Freund fand diese Schlüssel unter dem Teppich .",
            "es": "un amigo viejo encontraba estas llaves bajo la alfombra .",
            "it": "un vecchio amico trovava queste chiavi sotto il tappeto .",
            "pt": "um amigo velho encontrava estas chaves sob o tapete .",
        },
    ),
    (
        ("she", "draw", "a student"),
        {"adverb": "patiently", "place": "for he"},
        {
            "en": "she draws a student patiently for him .",
            "fr": "elle dessine patiemment un étudiant pour lui .",
            "de": "sie zeichnet geduldig einen Studenten für ihn .",
            "es": "ella dibuja pacientemente a un estudiante para él .",
            "it": "lei disegna pazientemente uno studente per lui .",
            "pt": "ela desenha pacientemente um estudante para ele .",
        },
    ),
    (
        ("they", "wait"),
        {"adverb": "outside", "place": "behind the church", "tense": "past"},
        {
            "en": "they waited outside behind the church .",
            "fr": "ils attendaient dehors derrière l'église .",
            "de": "sie warteten draußen hinter der Kirche .",
            "es": "ellos esperaban fuera tras la iglesia .",
            "it": "loro aspettavano fuori dietro la chiesa .",
            "pt": "eles esperavam fora atrás da igreja .",
        },
    ),
    (
        ("this mouse wet", "hide", "the+ nut"),
        {"adverb": "today", "place": "in the kitchen"},
        {
            "en": "this wet mouse hides the nuts today in the kitchen .",
            "fr": "cette souris mouillée cache les noix aujourd'hui dans la cuisine .",
            "de": "diese nasse Maus versteckt die Nüsse heute in der Küche .",
            "es": "este ratón mojado esconde las nueces hoy en la cocina .",
            "it": "questo topo bagnato nasconde le noci oggi nella cucina .",
            "pt": "este rato molhado esconde as nozes hoje na cozinha .",
        },
    ),
    (
        ("the king", "protect", "the city"),
        {"tense": "future", "negated": True, "place": "without she"},
        {
            "en": "the king will not protect the city without her .",
            "fr": "le roi ne protégera pas la ville sans elle .",
            "de": "der König wird die Stadt nicht ohne sie schützen .",
            "es": "el rey no protegerá la ciudad sin ella .",
            "it": "il re non proteggerà la città senza di lei .",
            "pt": "o rei não protegerá a cidade sem ela .",
        },
    ),
    (
        ("the+ writer lazy", "know", "the judge"),
        {},
        {
            "en": "the lazy writers know the judge .",
            "fr": "les écrivains paresseux connaissent le juge .",
            "de": "die faulen Schriftsteller kennen den Richter .",
            "es": "los escritores perezosos conocen al juez .",
            "it": "gli scrittori pigri conoscono il giudice .",
            "pt": "os escritores preguiçosos conhecem o juiz .",
        },
    ),
    (
        ("the bird", "sing"),
        {"adverb": "well", "place": "with they"},
        {
            "en": "the bird sings well with them .",
            "fr": "l'oiseau chante bien avec eux .",
            "de": "der Vogel singt gut mit ihnen .",
            "es": "el pájaro canta bien con ellos .",
            "it": "l'uccello canta bene con loro .",
            "pt": "o pássaro canta bem com eles .",
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize(("parts", "rest", "sentences"), SENTENCES)
def test_a_sentence_in_every_language(mean, parts, rest, sentences, code: str) -> None:
    assert LANGUAGES[code].sentence(mean(*parts, **rest)) == sentences[code]


TAGS = {
    "en": "the/other small/adjective cats/noun do/other not/other often/adverb see/verb it/other",
    "fr": "ne/other voient/verb pas/other souvent/adverb",
    "de": "im/preposition Garten/noun",
    "es": "al/preposition rey/noun",
    "it": "senza/preposition di/preposition lei/pronoun",
    "pt": "atrás/preposition do/preposition castelo/noun",
}


def test_tags(mean) -> None:
    sentences = {
        "en": mean("the+ cat small", "see", adverb="often", negated=True),
        "fr": mean("the+ cat small", "see", adverb="often", negated=True),
        "de": mean("he", "sing", place="in the garden"),
        "es": mean("she", "see", "the king"),
        "it": mean("he", "sleep", place="without she"),
        "pt": mean("he", "sleep", place="behind the castle"),
    }
    for code, meaning in sentences.items():
        tagged = " ".join(f"{word.text}/{word.tag}" for word in LANGUAGES[code].words(meaning))
        assert TAGS[code].removesuffix(" it/other") in tagged


def test_tags_of_a_whole_sentence(mean) -> None:
    words = LANGUAGES["it"].words(mean("she", "see", "the bird wet", adverb="here", place="on this table"))
    assert words == [
        Word("lei", "pronoun"), Word("vede", "verb"), Word("l'"), Word("uccello", "noun"),
        Word("bagnato", "adjective"), Word("qui", "adverb"), Word("su", "preposition"), Word("questo"),
        Word("tavolo", "noun"), Word("."),
    ]  # fmt: skip


def test_words_are_joined_as_they_are_written() -> None:
    assert join([Word("l'"), Word("oiseau"), Word("n'"), Word("a"), Word("pas"), Word(".")]) == "l'oiseau n'a pas ."
