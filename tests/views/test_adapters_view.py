"""Pictures and sentences of planted adapters: layers 0 and 1 can be taught, the later ones cannot."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.views.adapters import adapter_findings, adapter_pictures, adapter_profile, adapter_table
from workbench.views.layer_profiles import PROFILE_COLUMNS

N_LAYERS, PROMPTS = 4, 20
SHARES = {"none": 0.1, "all": 1.0, "layer 0": 0.9, "layer 1": 0.8, "layer 2": 0.3, "layer 3": 0.2}
MASKED = [0.0, 0.1, 0.9, 1.0, 1.0]


def rows_of(share: float, **constant: object) -> list[dict[str, object]]:
    return [
        {"prompt": f"p{number}", "exact_match": [float(number < share * PROMPTS), 1.0], **constant}
        for number in range(PROMPTS)
    ]


@pytest.fixture
def table() -> pd.DataFrame:
    constant = {
        **{"model": "tiny<b>", "n_layers": N_LAYERS, "task": "t", "kind": "k", "preset": "mini", "targets": "output"},
        **{
            "format": "instr_none_QA",
            "examples": 0,
            "seed": 0,
            "from_layer": -1,
            "untrained_loss": 2.0,
            "validation_loss": 1.0,
        },
    }
    found = []
    for trained, share in SHARES.items():
        layer = int(trained.removeprefix("layer ")) if trained.startswith("layer") else -1
        found += rows_of(share, **constant, trained=trained, layer=layer, steps=24, kept_step=18)
    return pd.DataFrame(found)


@pytest.fixture
def beside(table) -> pd.DataFrame:
    """The same with a masking curve, its last point with nothing hidden."""
    constant = {**table.iloc[0][["model", "n_layers", "task", "kind", "preset", "targets", "format"]], "examples": 5}
    curve = [
        row
        for from_layer, share in enumerate(MASKED)
        for row in rows_of(share, **constant, trained="none", layer=-1, seed=0, from_layer=from_layer)
    ]
    return pd.concat([table, pd.DataFrame(curve)], ignore_index=True)


def traces(figure):
    return {trace.name: trace for trace in figure.data if trace.meta["role"] == "mean"}


def test_each_layer_is_a_point_and_the_others_are_lines(table):
    (picture,) = adapter_pictures(table).values()
    drawn = traces(picture.figure)
    assert list(drawn["this layer alone"].y) == [0.9, 0.8, 0.3, 0.2]
    assert set(drawn["all layers together"].y) == {1.0}
    assert set(drawn["untrained"].y) == {0.1}
    assert drawn["untrained"].mode == "lines"
    assert "markers" in drawn["this layer alone"].mode
    assert len(drawn) == 3


def test_text_of_a_model_is_escaped(table):
    (picture,) = adapter_pictures(table).values()
    assert "tiny&lt;b&gt;" in picture.figure.layout.title.subtitle.text


def test_the_masking_curve_stands_beside_it_without_its_ceiling(beside):
    (picture,) = adapter_pictures(beside).values()
    drawn = traces(picture.figure)
    assert list(drawn["not trained, 5 examples; context hidden from this layer on"].y) == MASKED[:N_LAYERS]
    assert set(drawn["untrained"].y) == {0.1}


def test_sentences_name_the_best_layer_the_lines_and_the_correlation(beside):
    first, second = adapter_findings(beside)
    assert "exact match is highest where layer 0 is trained, 0.90 [" in first
    assert "all layers together 1.00 [1.00, 1.00]" in first
    assert "untrained 0.10 [" in first
    assert "over 4 layers" in second
    assert "−1.00 [−1.00, " in second


def test_a_flat_curve_is_said_to_have_no_ranks(beside):
    hidden = beside["from_layer"] >= 0
    flat = beside.assign(
        exact_match=[[1.0, 1.0] if masked else row for masked, row in zip(hidden, beside["exact_match"], strict=True)]
    )
    assert "one of the two curves is flat" in adapter_findings(flat)[1]


def test_without_the_lines(table):
    single = table[table["layer"] >= 0]
    assert adapter_findings(single)[0].endswith("].")
    assert len(traces(next(iter(adapter_pictures(single).values())).figure)) == 1


def test_a_run_without_single_layers_has_nothing_to_find(table):
    assert adapter_findings(table[table["layer"] < 0]) == []


def test_every_format_has_a_picture(table):
    both = pd.concat([table, table.assign(format="instr_task")])
    assert list(adapter_pictures(both)) == ["t.instr_none_QA.exact_match", "t.instr_task.exact_match"]


def test_the_table_says_how_training_went(table):
    frame = adapter_table(table).frame
    assert frame["Trained"].tolist() == list(SHARES)
    row = frame.set_index("Trained").loc["layer 1"]
    assert row["Value"].startswith("0.80 [")
    assert (row["Steps"], row["Kept after"], row["Validation loss"], row["Untrained"]) == ("24", "18", "1.00", "2.00")


def test_the_profile_has_a_row_for_each_layer(table):
    profile = adapter_profile(pd.concat([table, table.assign(format="instr_task")]))
    assert tuple(profile.columns) == PROFILE_COLUMNS
    assert profile["layer"].tolist() == [0, 1, 2, 3]
    assert profile["quantity"].unique().tolist() == [
        "exact match, this layer fine-tuned alone, no examples (share of prompts)"
    ]
    assert (profile["low"] <= profile["value"]).all()
