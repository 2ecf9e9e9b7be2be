"""Rule by rule, what a reader of each language would stumble over."""

from __future__ import annotations

import pytest


def cases(*rows: tuple) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("parts", "rest", "sentence"), rows)


@cases(
    (("a apple", "see"), {}, "an apple sees"),
    (("a onion dirty", "see"), {}, "a dirty onion sees"),
    (("a house elegant", "see"), {}, "an elegant house sees"),
    (("a hospital ugly", "see"), {}, "an ugly hospital sees"),
    (("this+ mouse", "see"), {}, "these mice see"),
    (("she", "carry", "the key"), {}, "she carries the key"),
    (("they", "carry", "the key"), {}, "they carry the key"),
    (("he", "watch", "the+ child"), {"tense": "past"}, "he watched the children"),
    (("he", "watch", "the dog"), {"negated": True}, "he does not watch the dog"),
    (("the+ wolf", "hide", "the cup"), {"negated": True}, "the wolves do not hide the cup"),
    (("she", "steal", "the cup"), {"negated": True, "tense": "past"}, "she did not steal the cup"),
    (("she", "see", "the cup"), {"tense": "future"}, "she will see the cup"),
    (("she", "see", "the cup"), {"tense": "future", "negated": True}, "she will not see the cup"),
    (("he", "sleep"), {"adverb": "often", "negated": True}, "he does not often sleep"),
    (("he", "wash", "the car"), {"adverb": "slowly"}, "he washes the car slowly"),
    (("he", "sleep"), {"adverb": "here", "place": "with she"}, "he sleeps here with her"),
    (("they", "sing"), {"place": "for he"}, "they sing for him"),
)
def test_english(say, parts, rest, sentence) -> None:
    assert say("en", *parts, **rest) == sentence


@cases(
    (("the bird", "sing"), {}, "l'oiseau chante"),
    (("the school", "see"), {}, "l'école voit"),
    (("the man", "sing"), {}, "l'homme chante"),
    (("the+ bird", "sing"), {}, "les oiseaux chantent"),
    (("the bird beautiful", "sing"), {}, "le bel oiseau chante"),
    (("the+ bird beautiful", "sing"), {}, "les beaux oiseaux chantent"),
    (("a friend old", "sing"), {}, "un vieil ami chante"),
    (("this hotel new", "see"), {}, "ce nouvel hôtel voit"),
    (("the cat beautiful", "sing"), {}, "le beau chat chante"),
    (("a bee beautiful", "sing"), {}, "une belle abeille chante"),
    (("this man", "sing"), {}, "cet homme chante"),
    (("this bee", "sing"), {}, "cette abeille chante"),
    (("this cat", "sing"), {}, "ce chat chante"),
    (("this man small", "sing"), {}, "ce petit homme chante"),
    (("the man strange", "sing"), {}, "l'homme étrange chante"),
    (("the cat strange", "sing"), {}, "le chat étrange chante"),
    (("this+ cow white", "sing"), {}, "ces vaches blanches chantent"),
    (("he", "see", "the house"), {"negated": True}, "il ne voit pas la maison"),
    (("he", "love", "the house"), {"negated": True}, "il n'aime pas la maison"),
    (("they-f", "buy", "the apple"), {"negated": True, "tense": "past"}, "elles n'achetaient pas la pomme"),
    (("he", "sleep"), {"adverb": "often", "negated": True}, "il ne dort pas souvent"),
    (("he", "eat", "a apple"), {"adverb": "slowly"}, "il mange lentement une pomme"),
    (("he", "eat", "a apple"), {"adverb": "today"}, "il mange une pomme aujourd'hui"),
    (("she", "sing"), {"place": "with they"}, "elle chante avec eux"),
    (("she", "sing"), {"place": "without he"}, "elle chante sans lui"),
    (("they", "sleep"), {"place": "in the church"}, "ils dorment dans l'église"),
)
def test_french(say, parts, rest, sentence) -> None:
    assert say("fr", *parts, **rest) == sentence


@cases(
    (("the dog", "see", "the dog"), {}, "der Hund sieht den Hund"),
    (("the cow", "see", "the cow"), {}, "die Kuh sieht die Kuh"),
    (("the horse", "see", "the horse"), {}, "das Pferd sieht das Pferd"),
    (("the+ dog", "see", "the+ dog"), {}, "die Hunde sehen die Hunde"),
    (("the boy", "see", "the boy"), {}, "der Junge sieht den Jungen"),
    (("a student", "see", "a bear"), {}, "ein Student sieht einen Bären"),
    (("this farmer", "see", "this lion"), {}, "dieser Bauer sieht diesen Löwen"),
    (("he", "sing"), {"place": "with the neighbor"}, "er singt mit dem Nachbarn"),
    (("he", "sing"), {"place": "for a soldier"}, "er singt für einen Soldaten"),
    (("the dog small", "see", "the dog small"), {}, "der kleine Hund sieht den kleinen Hund"),
    (("a dog small", "see", "a dog small"), {}, "ein kleiner Hund sieht einen kleinen Hund"),
    (("a cow small", "see", "a cow small"), {}, "eine kleine Kuh sieht eine kleine Kuh"),
    (("a horse small", "see", "a horse small"), {}, "ein kleines Pferd sieht ein kleines Pferd"),
    (("the horse small", "see", "this horse small"), {}, "das kleine Pferd sieht dieses kleine Pferd"),
    (("the+ cow small", "see", "this+ cow small"), {}, "die kleinen Kühe sehen diese kleinen Kühe"),
    (("he", "sing"), {"place": "with a dog small"}, "er singt mit einem kleinen Hund"),
    (("he", "sing"), {"place": "with the cow small"}, "er singt mit der kleinen Kuh"),
    (("he", "sing"), {"place": "with the+ dog small"}, "er singt mit den kleinen Hunden"),
    (("he", "sing"), {"place": "with this+ child"}, "er singt mit diesen Kindern"),
    (("he", "sing"), {"place": "in the garden"}, "er singt im Garten"),
    (("he", "sing"), {"place": "in the house old"}, "er singt im alten Haus"),
    (("he", "sing"), {"place": "in the city"}, "er singt in der Stadt"),
    (("he", "sing"), {"place": "in this garden"}, "er singt in diesem Garten"),
    (("he", "sing"), {"place": "in the+ garden"}, "er singt in den Gärten"),
    (("he", "sing"), {"place": "without a friend"}, "er singt ohne einen Freund"),
    (("he", "sing"), {"place": "with she"}, "er singt mit ihr"),
    (("he", "sing"), {"place": "with they"}, "er singt mit ihnen"),
    (("she", "sing"), {"place": "for he"}, "sie singt für ihn"),
    (("he", "sleep"), {"negated": True}, "er schläft nicht"),
    (("he", "see", "the house"), {"negated": True}, "er sieht das Haus nicht"),
    (
        ("he", "see", "the house"),
        {"negated": True, "adverb": "today", "place": "with she"},
        "er sieht das Haus heute nicht mit ihr",
    ),
    (("he", "wash", "the car"), {"negated": True, "adverb": "well"}, "er wäscht das Auto nicht gut"),
    (("he", "see", "the house"), {"adverb": "often"}, "er sieht das Haus oft"),
    (("he", "see", "a house"), {"adverb": "often"}, "er sieht oft ein Haus"),
    (("the doctor tired", "sing"), {}, "der müde Arzt singt"),
    (("a coat expensive", "sing"), {}, "ein teurer Mantel singt"),
    (("he", "see", "the house"), {"tense": "future"}, "er wird das Haus sehen"),
    (
        ("they", "see", "the house"),
        {"tense": "future", "negated": True, "place": "in the garden"},
        "sie werden das Haus nicht im Garten sehen",
    ),
)
def test_german(say, parts, rest, sentence) -> None:
    assert say("de", *parts, **rest) == sentence


@cases(
    (("she", "see", "the king"), {}, "ella ve al rey"),
    (("she", "see", "the queen"), {}, "ella ve a la reina"),
    (("she", "see", "the+ king"), {}, "ella ve a los reyes"),
    (("she", "see", "a king"), {}, "ella ve a un rey"),
    (("she", "see", "this king"), {}, "ella ve a este rey"),
    (("she", "see", "the dog"), {}, "ella ve el perro"),
    (("she", "see", "the house red"), {}, "ella ve la casa roja"),
    (("the+ girl happy", "sing"), {}, "las chicas felices cantan"),
    (("the+ man young", "sing"), {}, "los hombres jóvenes cantan"),
    (("this+ cow white", "sing"), {}, "estas vacas blancas cantan"),
    (("he", "love", "the house"), {"negated": True}, "él no ama la casa"),
    (("they-f", "sing"), {"place": "with they"}, "ellas cantan con ellos"),
    (("he", "sing"), {"place": "with the king"}, "él canta con el rey"),
    (("he", "hear", "the king"), {"tense": "past", "adverb": "always"}, "él oía siempre al rey"),
    (("he", "build", "a house"), {"tense": "future"}, "él construirá una casa"),
)
def test_spanish(say, parts, rest, sentence) -> None:
    assert say("es", *parts, **rest) == sentence


@cases(
    (("the dog", "sing"), {}, "il cane canta"),
    (("the student", "sing"), {}, "lo studente canta"),
    (("the mirror", "sing"), {}, "lo specchio canta"),
    (("the bird", "sing"), {}, "l'uccello canta"),
    (("the bee", "sing"), {}, "l'ape canta"),
    (("the+ dog", "sing"), {}, "i cani cantano"),
    (("the+ student", "sing"), {}, "gli studenti cantano"),
    (("the+ man", "sing"), {}, "gli uomini cantano"),
    (("the+ bee", "sing"), {}, "le api cantano"),
    (("the student old", "sing"), {}, "il vecchio studente canta"),
    (("the+ bird small", "sing"), {}, "i piccoli uccelli cantano"),
    (("a dog", "sing"), {}, "un cane canta"),
    (("a student", "sing"), {}, "uno studente canta"),
    (("a bird", "sing"), {}, "un uccello canta"),
    (("a bee", "sing"), {}, "un'ape canta"),
    (("a duck old", "sing"), {}, "una vecchia anatra canta"),
    (("this man", "sing"), {}, "quest'uomo canta"),
    (("this student", "sing"), {}, "questo studente canta"),
    (("this+ duck", "sing"), {}, "queste anatre cantano"),
    (("he", "sleep"), {"place": "in the house"}, "lui dorme nella casa"),
    (("he", "sleep"), {"place": "in the hotel"}, "lui dorme nell'albergo"),
    (("he", "sleep"), {"place": "in the+ hotel"}, "lui dorme negli alberghi"),
    (("he", "sleep"), {"place": "in the castle"}, "lui dorme nel castello"),
    (("he", "sleep"), {"place": "in a castle"}, "lui dorme in un castello"),
    (("he", "sleep"), {"place": "on the island"}, "lui dorme sull'isola"),
    (("he", "sleep"), {"place": "on the mirror"}, "lui dorme sullo specchio"),
    (("he", "sleep"), {"place": "on this table"}, "lui dorme su questo tavolo"),
    (("he", "sleep"), {"place": "with the student"}, "lui dorme con lo studente"),
    (("he", "sleep"), {"place": "without she"}, "lui dorme senza di lei"),
    (("he", "sleep"), {"place": "without the dog"}, "lui dorme senza il cane"),
    (("they", "see", "the house red"), {"negated": True}, "loro non vedono la casa rossa"),
)
def test_italian(say, parts, rest, sentence) -> None:
    assert say("it", *parts, **rest) == sentence


@cases(
    (("the girl", "see", "the garden"), {}, "a menina vê o jardim"),
    (("he", "sleep"), {"place": "in the house"}, "ele dorme na casa"),
    (("he", "sleep"), {"place": "in the garden"}, "ele dorme no jardim"),
    (("he", "sleep"), {"place": "in the+ hotel"}, "ele dorme nos hotéis"),
    (("he", "sleep"), {"place": "in this city"}, "ele dorme nesta cidade"),
    (("he", "sleep"), {"place": "in a city"}, "ele dorme em uma cidade"),
    (("he", "sleep"), {"place": "behind the castle"}, "ele dorme atrás do castelo"),
    (("he", "sleep"), {"place": "behind the+ house"}, "ele dorme atrás das casas"),
    (("he", "sleep"), {"place": "behind this house"}, "ele dorme atrás desta casa"),
    (("he", "sleep"), {"place": "behind a house"}, "ele dorme atrás de uma casa"),
    (("he", "sleep"), {"place": "with they-f"}, "ele dorme com elas"),
    (("the+ man young", "sing"), {"negated": True}, "os homens jovens não cantam"),
    (("this+ lion", "sing"), {}, "estes leões cantam"),
    (("they", "build", "the house"), {"tense": "future"}, "eles construirão a casa"),
)
def test_portuguese(say, parts, rest, sentence) -> None:
    assert say("pt", *parts, **rest) == sentence
