"""Pictures, tables and sentences of the masking analyses, from synthetic tables."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from workbench.masking.mask_variants import variants
from workbench.statistics.curves import Settings, Summary, summarise
from workbench.statistics.direction_pairs import Directions
from workbench.statistics.sensitivity import BOS_HIDDEN, PAPER, ZEROED, readings, same_variants
from workbench.views import (
    context_masking,
    direction_words,
    example_numbers,
    masking_notes,
    sensitivity,
    theme,
    translation_directions,
)

N_LAYERS = 6


def measured(at, prompts=150, low=0.1, high=0.9, **fields):
    """Rows of right and wrong answers: a step from low to high at the layer `at`."""
    constant = {"model": "mini", "n_layers": N_LAYERS, "task": "translate-en-fr", "kind": "translate"}
    constant |= {"format": "instr_task", "examples": 5, "seed": 0, "mask": "TTF", "hides": "examples"}
    return pd.DataFrame(
        {
            **constant,
            **fields,
            "from_layer": layer,
            "prompt": f"p{n}",
            "exact_match": [float(n < prompts * (low if layer < at else high)), 1.0],
            "log_probability": [-1.0 if layer < at else -0.1 - 0.01 * (n % 3), 1.0],
        }
        for layer in fields.get("layers", range(N_LAYERS + 1))
        for n in range(prompts)
    ).drop(columns="layers", errors="ignore")


def roles(figure, role):
    return [trace for trace in figure.data if (trace.meta or {}).get("role") == role]


@pytest.fixture(scope="module")
def masked():
    table = pd.concat(
        [
            measured(3),
            measured(2, mask="FTF"),
            measured(7, mask="TTT"),
            measured(4, mask="FTF", format="instr_none_QA"),
            measured(0, mask="FFF", examples=0, hides="", layers=[0, N_LAYERS]),
        ]
    )
    return table, summarise(table, Settings(draws=100))


def test_the_baseline_is_a_line_and_no_curve(masked):
    _, summary = masked
    picture = context_masking.pictures(summary)[0]
    assert (picture.name, picture.section) == ("translate-en-fr.exact_match", "All masks")
    names = [trace.name for trace in roles(picture.figure, "mean")]
    assert names == [
        "instruction and examples hidden",
        "examples hidden, instruction visible",
        "instruction, examples and query hidden",
        "prompt without instruction: examples hidden",
    ]
    assert "FFF" not in set(context_masking.masked(summary.recognition)["mask"])


def test_the_same_mask_with_and_without_an_instruction_looks_different(masked):
    lines = roles(context_masking.pictures(masked[1])[0].figure, "mean")
    looks = [(line.line.color, line.marker.symbol, line.line.dash) for line in lines]
    assert len(set(looks)) == 4
    assert len({colour for colour, *_ in looks}) == 4


def test_levels_that_read_the_same_are_drawn_once(masked):
    levels = roles(context_masking.pictures(masked[1])[0].figure, "level")
    assert [level.meta["name"] for level in levels] == ["nothing hidden"]


def test_main_scores_come_first_and_tables_have_every_curve(masked):
    _, summary = masked
    assert [picture.section for picture in context_masking.pictures(summary)] == ["All masks", "Other scores"]
    short, every = context_masking.recognition_tables(summary)
    assert len(short.frame) == 4
    assert len(every.frame) > len(short.frame)


def test_profiles_say_which_prompt(masked):
    quantities = set(context_masking.profile(masked[1])["quantity"])
    assert any(quantity.startswith("score, no instruction, examples hidden") for quantity in quantities)
    assert any(quantity.startswith("score, examples hidden") for quantity in quantities)


@pytest.fixture(scope="module")
def by_number() -> Summary:
    parts = [measured(at, examples=count) for count, at in ((1, 5), (3, 4), (9, 3))]
    none = measured(0, examples=0, high=0.4, mask="FFF", hides="", layers=[0, N_LAYERS])
    return summarise(pd.concat([none, *parts]), Settings(draws=100))


def test_layers_against_numbers_of_examples(by_number):
    pictures = {picture.name: picture for picture in example_numbers.pictures(by_number)}
    (line,) = roles(pictures["layer-by-examples"].figure, "layer")
    assert (list(line.x), list(line.y)) == ([1, 3, 9], [5, 4, 3])
    tops = np.array(line.y) + np.array(line.error_y.array)
    assert (tops <= N_LAYERS).all()


def test_more_examples_have_a_stronger_colour(by_number):
    pictures = {picture.name: picture for picture in example_numbers.pictures(by_number)}
    figure = pictures["translate-en-fr.exact_match"].figure
    lines = roles(figure, "mean")
    assert [line.name for line in lines] == ["1 example", "3 examples", "9 examples"]
    places = [theme.ORDERED.index(line.line.color) for line in lines]
    assert places == sorted(places)
    assert len(set(places)) == 3
    levels = {level.meta["name"]: level.y[0] for level in roles(figure, "level")}
    assert levels["no examples"] == pytest.approx(0.4)


def test_a_sentence_lists_the_layers(by_number):
    (said,) = example_numbers.findings(by_number)
    assert "5 [5, 5] with 1, 4 [4, 4] with 3, 3 [3, 3] with 9" in said
    assert len(example_numbers.layer_tables(by_number)[0].frame) == 3


def test_ordered_colours_have_twins_and_spread():
    assert set(theme.ORDERED) <= set(theme.TWINS)
    assert theme.ordered(1) == [theme.ORDERED[-1]]
    assert theme.ordered(2) == [theme.ORDERED[0], theme.ORDERED[-1]]
    assert theme.ordered(6) == list(theme.ORDERED)
    assert len(theme.ordered(9)) == 9


@pytest.fixture(scope="module")
def varied():
    parts = [(PAPER, 3, "examples"), (BOS_HIDDEN, 4, "bos, examples"), (ZEROED, 2, "examples")]
    return pd.concat([measured(at, variant=variant, hides=hides) for variant, at, hides in parts])


def test_readings_are_of_every_variant_and_threshold(varied):
    found = readings(varied, [0.9, 0.99])
    assert set(found.recognition["fraction"]) == {0.9, 0.95, 0.99}
    at_95 = found.recognition.query("fraction == 0.95 and relative_to == 'rise' and seed == 'all'")
    exact = at_95[at_95["score"] == "exact_match"].set_index("variant")["layer"]
    assert exact.to_dict() == {PAPER: 3, BOS_HIDDEN: 4, ZEROED: 2}
    ceiling = found.recognition[found.recognition["relative_to"] == "ceiling"]
    assert set(ceiling["variant"]) == {PAPER}
    assert set(ceiling["score"]) == {"exact_match"}, "a share of a log-probability means nothing"


def test_the_base_reading_is_that_of_the_rule_alone(varied):
    found = readings(varied, [0.9])
    alone = summarise(varied[varied["variant"] == PAPER]).recognition
    same = found.recognition.query("variant == @PAPER and fraction == 0.95 and relative_to == 'rise'")
    assert same["layer"].tolist() == alone["layer"].tolist()
    assert same["low"].tolist() == alone["low"].tolist()


def test_pictures_and_words_of_readings(varied):
    found = readings(varied, [0.9, 0.95])
    pictures = sensitivity.pictures(found)
    assert len(pictures) == 4
    rows = roles(pictures[0].figure, "layer")
    assert len(rows) == 2 + (2 + 1 + 2) + 6
    heights = [row.y[0] for row in rows]
    assert heights == sorted(heights, reverse=True)
    assert min(a - b for a, b in itertools.pairwise(heights)) >= 1
    (said,) = sensitivity.findings(found, varied)
    assert "layer 3 [3, 3] by exact match at 95 % of the rise" in said
    assert "hiding 2, 3, 4" in said


def test_a_missing_bos_is_said(varied):
    plain = varied.assign(hides="examples")
    assert same_variants(varied) == []
    assert same_variants(plain) == [BOS_HIDDEN]
    assert any("no beginning-of-sequence" in said for said in sensitivity.findings(readings(plain, []), plain))


def test_variants_differ_from_the_paper_in_one_thing():
    for mask, keeps in (("TTF", True), ("mask_all", False)):
        paper, bos, zeroed = variants(mask, (1, 2))
        assert (paper.keep_bos, paper.renormalise) == (None, True)
        assert (bos.keep_bos, bos.renormalise) == (not keeps, True)
        assert (zeroed.keep_bos, zeroed.renormalise) == (None, False)


@pytest.fixture(scope="module")
def directions():
    parts = []
    for code, (into, out) in {"fr": (2, 4), "de": (3, 3)}.items():
        name = f"translate-en-{code}"
        parts.append(measured(out, task=name, sentences=name, direction="out of"))
        parts.append(measured(into, task=f"translate-{code}-en", sentences=name, direction="into"))
    return Directions.of(pd.concat(parts), Settings(draws=100))


def test_directions_in_pictures(directions):
    pictures = {picture.name: picture.figure for picture in translation_directions.pictures(directions)}
    marks = roles(pictures["layers"], "layer")
    assert [mark.x[0] for mark in marks] == [2, 4, 3, 3]
    differences = roles(pictures["differences"], "recognition layer")
    assert [mark.x[0] for mark in differences] == [-2, 0]
    assert len(roles(pictures["differences"], "mean layer of the rise")) == 3, "two pairs and both together"
    assert {"layers.log_probability", "translate-en-fr.exact_match"} <= set(pictures)


def test_directions_in_words_and_numbers(directions):
    said = direction_words.findings(directions)
    assert "translate-fr-en at layer 2 [2, 2], translate-en-fr at layer 4 [4, 4]" in said[0]
    assert "into English rises earlier" in said[0]
    assert said[-1].startswith("Over all pairs")
    table = direction_words.differences_table(directions).frame
    assert table.loc[0, "Difference"] == "-2 [-2, -2]"
    assert table.loc[0, "Into earlier, same, later"] == "100% / 0% / 0%"


def test_a_pair_without_a_rise_has_no_difference():
    rows = [
        measured(2, low=0.5, high=0.5, task=task, sentences="translate-en-fr", direction=direction)
        for task, direction in (("translate-en-fr", "out of"), ("translate-fr-en", "into"))
    ]
    table = pd.concat(rows).drop(columns="log_probability")
    found = Directions.of(table, Settings(draws=50))
    assert found.together("exact_match") is None
    assert "nothing to recognise" in direction_words.findings(found)[0]
    assert direction_words.differences_table(found).frame.loc[0, "Difference"] == "–"
    assert len(translation_directions.pictures(found)) == 3


def test_notes_say_what_is_not_measured_and_what_hides_the_same():
    table = pd.concat([measured(3, layers=[0, 2, 6]), measured(3, mask="FTF", layers=[0, 2, 6])])
    said = masking_notes.notes(table.assign(reference_read=0.5))
    assert sum("layers not measured" in sentence for sentence in said) == 2
    assert any("TTF and FTF hide the same (examples)" in sentence for sentence in said)
    assert said[0].startswith("In 150 of 150 prompts the model's window ends")
    assert masking_notes.notes(measured(3).assign(reference_read=1.0)) == []
