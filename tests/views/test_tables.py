"""Tables for a reader, findings in sentences."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.views.findings import findings
from workbench.views.tables import (
    agreement,
    completion_cards,
    completions_by_layer,
    first_prompts,
    pooled_rows,
    recognition_table,
    without_constants,
)


def test_recognition_table_reads_like_the_rule(recognition):
    table = recognition_table(recognition)
    assert len(table) == 6
    first, last = table.iloc[0], table.iloc[-1]
    assert first["Recognition layer"] == "5 of 8"
    assert first["95 % interval"] == "[4, 6]"
    assert first["Score"] == "BLEU"
    assert first["Ceiling"] == "94.0"
    assert last["Recognition layer"] == "none"
    assert last["Plateau"] == "–"
    assert "never hidden" in last["Note"]


def test_recognition_table_with_seeds(recognition):
    table = recognition_table(recognition, seeds=True)
    assert len(table) == 24
    assert list(table["Seed"])[:4] == ["0", "1", "2", "all"]


def test_a_run_of_one_seed_has_rows_too(tables):
    rows = pooled_rows(tables["recognition"](tables["curves"](seeds=("7",))))
    assert set(rows["seed"]) == {"7"}
    assert len(rows) == 6


def test_completions_stand_side_by_side(completions):
    table = completions_by_layer(completions, mask="TTF", prompts=2)
    assert len(table) == 6
    row = table.iloc[0]
    assert row["source"] == "the small cats do not see the red house ."
    assert row["0"] == "the small cats"
    assert row["never"] == row["reference"]
    assert list(table.columns)[-9:] == ["0", "1", "2", "3", "4", "5", "6", "7", "never"]
    assert set(table["seed"]) == {0}


def test_layers_can_be_chosen(completions):
    table = completions_by_layer(completions, mask="FTF", layers=[0, 4, 8])
    assert list(table.columns)[-3:] == ["0", "4", "never"]
    assert len(table) == 9


def test_prompts_are_the_first_and_of_the_first_seed(completions):
    rows = first_prompts(completions, 2)
    assert list(dict.fromkeys(rows["prompt"])) == ["sentence-0", "sentence-1"]
    assert set(rows["seed"]) == {0}
    assert first_prompts(completions.iloc[:0], 2).empty


def test_agreement_marks_what_differs():
    pieces = agreement("les petits chats voient la house red .", "les petits chats ne voient pas la maison rouge .")
    assert [(piece.text, piece.agrees) for piece in pieces] == [
        ("les petits chats voient la ", True),
        ("house red", False),
        (" .", True),
    ]


def test_agreement_of_an_exact_completion():
    assert [piece.agrees for piece in agreement("a b c", "a b c")] == [True]


def test_agreement_without_spaces_goes_by_character():
    assert [piece.text for piece in agreement("小狗看见", "小猫看见")] == ["小", "狗", "看见"]


def test_agreement_of_nothing():
    assert agreement("", "a b") == []


@given(st.lists(st.sampled_from("abcd"), max_size=8), st.lists(st.sampled_from("abcd"), max_size=8))
def test_pieces_join_to_the_completion(mine, theirs):
    completion, reference = " ".join(mine), " ".join(theirs)
    pieces = agreement(completion, reference)
    assert "".join(piece.text for piece in pieces) == completion
    assert all(first.agrees != second.agrees for first, second in itertools.pairwise(pieces))


def test_cards_have_masks_side_by_side_and_the_recognised_layer(completions, recognition):
    cards = completion_cards(completions, recognition, prompts=1)
    assert [card.task for card in cards] == ["translate-en-fr", "translate-past-en-de", "first-noun-fr"]
    card = cards[0]
    assert card.masks == ("TTF", "FTF")
    assert [line.label for line in card.lines] == ["0", "1", "2", "3", "4", "5", "6", "7", "never"]
    assert [line.from_layer for line in card.lines if line.recognised[0]] == [5]
    assert [line.from_layer for line in card.lines if line.recognised[1]] == [4]
    assert card.lines[-1].exact == (True, True)
    assert card.lines[0].exact == (False, False)
    assert card.setting == "instr_none_QA, 5 examples, seed 0"


def test_cards_of_a_deep_model_choose_layers_and_keep_the_recognised(tables):
    curves = tables["curves"](models=(("deep", 32),), tasks=("translate-past-en-de",))
    recognition = tables["recognition"](curves).assign(layer=pd.array([21] * 8, dtype="Int64"))
    completions = tables["completions"](models=(("deep", 32),), tasks=("translate-past-en-de",))
    card = completion_cards(completions, recognition, prompts=1)[0]
    layers = [line.from_layer for line in card.lines]
    assert 21 in layers
    assert layers[0] == 0
    assert layers[-1] == 32
    assert len(layers) < 16


def test_cards_without_recognition(completions):
    card = completion_cards(completions, prompts=1)[0]
    assert not any(flag for line in card.lines for flag in line.recognised)


def test_a_finding_is_one_sentence_with_its_numbers(recognition):
    finding = findings(recognition)[0]
    assert finding.sentence == (
        "Recognised at layer 5 of 8 (95 % interval [4, 6]): with instructions and examples hidden from there on, "
        "BLEU stays at or above 89.5 (floor 4.00, ceiling 94.0, n = 60)."
    )
    assert (finding.layer, finding.low, finding.high) == (5, 4, 6)


def test_no_layer_is_a_finding_with_its_reason(recognition):
    finding = findings(recognition)[-1]
    assert finding.layer is None
    assert finding.sentence.startswith("No recognition layer: only with the context never hidden")
    assert "floor 4.00" in finding.sentence
    assert finding.stage(0) == "none"


def test_findings_use_each_tasks_main_score(tables):
    curves = tables["curves"](scores=("bleu", "log_probability"))
    found = findings(tables["recognition"](curves))
    assert len(found) == 6
    assert all("BLEU" in finding.sentence for finding in found)


def test_findings_of_an_empty_table(recognition):
    assert findings(recognition.iloc[:0]) == []


@pytest.mark.parametrize(
    ("layer", "stage"), [(0, "needed"), (3, "needed"), (4, "uncertain"), (5, "uncertain"), (6, "free"), (7, "free")]
)
def test_stages_of_the_strip(recognition, layer, stage):
    assert findings(recognition)[0].stage(layer) == stage


def test_columns_that_say_the_same_in_every_row_go_into_the_caption() -> None:
    table = pd.DataFrame(
        {"Model": ["mini", "mini"], "Task": ["a", "a"], "Examples": [5, 5], "Mask": ["TTF", "FTF"], "Note": ["", ""]}
    )
    short, said = without_constants(table)
    assert list(short.columns) == ["Task", "Mask"]
    assert said == "model mini, examples 5"
    assert list(without_constants(table.assign(Model=["mini", "other"], Note=["", "why"]))[0]) == [
        "Model",
        "Task",
        "Mask",
        "Note",
    ]
