"""Pictures of a lens, from tables alone: what is drawn, and that data set text stays text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.statistics.lens_curves import first_depth, lens_means, unmasked
from workbench.views.layer_curves import LayerCurve, layer_figure
from workbench.views.lens import pictures
from workbench.views.lens_comparison import comparison_table
from workbench.views.lens_comparison import findings as compared_findings
from workbench.views.lens_comparison import pictures as compared_pictures
from workbench.views.lens_maps import shown
from workbench.views.lens_words import depth_table, findings
from workbench.views.theme import darkened

HOSTILE = "<script>alert(1)</script> & co"
LAYERS = 3


def reading(prompt, mask, from_layer, layer, offset=0):
    share = layer / LAYERS if layer <= from_layer or from_layer == LAYERS else 0.1
    return {
        "model": HOSTILE,
        "n_layers": LAYERS,
        "task": "translate-en-fr",
        "kind": "translate",
        "format": "instr_none_QA",
        "examples": 5,
        "seed": 0,
        "lens": "logit lens",
        "normalisation": "RMS",
        "mask": mask,
        "from_layer": from_layer,
        "layer": layer,
        "prompt": f"p{prompt}",
        "position": 10 + offset,
        "offset": offset,
        "token": "A:",
        "next_token": HOSTILE,
        "copied_token": "the ",
        "query": HOSTILE,
        "answer": "les chats",
        "answer_group_name": "French",
        "source_group_name": "English",
        "reference_rank": 1.0 + (100.0 + prompt) * (1 - share),
        "reference_probability": share * (0.9 + 0.01 * prompt),
        "copied_rank": 10.0,
        "copied_probability": 0.1,
        "le _rank": 5.0,
        "le _probability": 0.05,
        "answer_group": share,
        "source_group": np.nan,
        "others_group": 1 - share,
        "entropy": 2 - 2 * share,
        "divergence_final": 3 - 3 * share,
        "settled": float(layer == LAYERS),
        "top_tokens": [HOSTILE, "le "],
        "top_probabilities": [share, 0.0],
    }


@pytest.fixture(scope="module")
def table():
    return pd.DataFrame(
        reading(prompt, mask, from_layer, layer)
        for mask in ("TTF", "FTF")
        for from_layer in range(LAYERS + 1)
        for prompt in range(6)
        for layer in range(LAYERS + 1)
    )


def text_of(figure):
    return str(figure.to_plotly_json())


def test_every_picture_is_there_once_and_drawn(table):
    found = pictures(table)
    names = [name.removeprefix("translate-en-fr.") for name in found]
    per_mask = [f"{mask}.{what}" for mask in ("TTF", "FTF") for what in ("reference", "group", "tokens")]
    assert sorted(names) == sorted(["answer", "rank", "certainty", "tokens", *per_mask])
    for name, picture in found.items():
        assert picture.figure.data, name
        assert "n = 6 prompts" in picture.figure.layout.title.subtitle.text
        assert "RMS normalisation" in picture.figure.layout.title.subtitle.text
        assert picture.figure.layout.xaxis.title.text
        assert picture.figure.layout.yaxis.title.text
        darkened(picture.figure)


def test_data_set_text_stays_text(table):
    for name, picture in pictures(table).items():
        assert "<script" not in text_of(picture.figure), name
    assert shown("<b> x") == "&lt;b&gt; x"
    assert shown("\n") == "⏎"
    assert shown("   ") == "␣"
    assert shown("a" * 40).endswith("…")


def test_curves_are_the_means(table):
    figure = pictures(table)["translate-en-fr.answer"].figure
    lines = {trace.name: trace for trace in figure.data if trace.meta["role"] == "mean"}
    assert list(lines["the answer's first token"].y) == pytest.approx([0, 0.925 / 3, 2 * 0.925 / 3, 0.925])
    assert list(lines["all French words"].y) == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert "“le ”" in lines
    assert not any("English" in name for name in lines), "a group that is missing throughout is left out"


def test_ranks_are_averaged_geometrically(table):
    means = unmasked(lens_means(table)).query("quantity == 'reference_rank' and layer == 0")
    expected = np.exp(np.log(101.0 + np.arange(6)).mean())
    assert means["value"].iloc[0] == pytest.approx(expected)
    assert means["low"].iloc[0] < expected < means["high"].iloc[0]


def test_a_mask_map_has_every_layer_and_the_border(table):
    figure = pictures(table)["translate-en-fr.TTF.group"].figure
    cells, border = figure.data
    assert len(cells.z) == len(cells.z[0]) == LAYERS + 1
    assert cells.z[LAYERS][0] == pytest.approx(0.1)
    assert cells.z[LAYERS][LAYERS] == pytest.approx(1)
    assert list(figure.layout.xaxis.ticktext) == ["0", "1", "2", "never"]
    assert list(border.y)[:2] == [0.5, 0.5]
    assert "hidden from layer 0 on" in cells.hovertext[LAYERS][0]


def test_tokens_of_several_positions_are_those_of_one_prompt():
    rows = pd.DataFrame(
        reading(prompt, "FFF", LAYERS, layer, offset)
        for prompt in range(3)
        for layer in range(4)
        for offset in (0, 1, 2)
    )
    figure = pictures(rows)["translate-en-fr.tokens"].figure
    assert len(figure.data[0].x) == 3
    assert len(set(figure.layout.xaxis.ticktext)) == 3, "equal labels must not be merged"
    assert "translate-en-fr.TTF.group" not in pictures(rows)


def test_what_is_said(table):
    said = " ".join(findings(table))
    assert "all French words have at least half of the probability from layer 2 on" in said
    assert "settled in half of the prompts only behind the last layer" in said
    assert "its group 10% 10% 10% 100%" in said
    frame = depth_table(table).frame
    assert frame["Layer"].tolist() == [0, 1, 2, 3]
    assert frame["Its group"].tolist()[-1] == "100.0 %"
    assert "Source's group" not in frame


def test_the_first_depth_is_one_that_lasts():
    curve = pd.DataFrame({"layer": [0, 1, 2, 3], "value": [0.6, 0.4, 0.7, 0.8]})
    assert first_depth(curve, 0.5) == 2
    assert first_depth(curve, 0.3) == 0
    assert first_depth(curve, 0.9) is None


def test_figures_of_curves_keep_their_units():
    rows = pd.DataFrame({"layer": [0, 1], "value": [0.2, 0.9], "low": [0.1, 0.8], "high": [0.3, 1.0], "n": 7})
    curve = LayerCurve("<i>share", rows, "#0072B2")
    figure = layer_figure(
        [curve, LayerCurve("none", rows[:0], "#0072B2")],
        title="a <b>",
        subtitle="made",
        layers=1,
        layer_title="layer",
        value_title="share",
        percent=True,
        counted="heads",
    )
    assert [trace.meta["role"] for trace in figure.data] == ["band", "mean"]
    assert figure.layout.yaxis.tickformat == ".0%"
    assert "90.0%" in figure.data[1].hovertext[1]
    assert "n = 7 heads" in figure.data[1].hovertext[1]
    assert figure.layout.title.text == "a &lt;b&gt;"


def test_a_first_layer_that_towers_is_cut_and_said():
    def drawn(first):
        values = [first, 3.0, 1.0]
        rows = pd.DataFrame({"layer": [0, 1, 2], "value": values, "low": values, "high": values, "n": 7})
        made = {"title": "t", "subtitle": "s", "layers": 2, "layer_title": "layer", "value_title": "nats"}
        return layer_figure([LayerCurve("KL", rows, "#0072B2")], **made)

    cut = drawn(30.0)
    assert cut.layout.yaxis.range == pytest.approx((0, 3.3))
    assert "KL: 30.0" in cut.layout.annotations[0].text
    whole = drawn(5.0)
    assert whole.layout.yaxis.range is None
    assert not whole.layout.annotations


@pytest.fixture(scope="module")
def compared():
    shared = {"model": HOSTILE, "n_layers": LAYERS, "task": "t", "format": "f", "examples": 5, "positions": "answer"}
    rows = []
    for lens, factor in (("logit lens", 1.0), ("tuned lens", 0.25)):
        for layer in range(LAYERS + 1):
            left = factor * (LAYERS - layer)
            key = {**shared, "lens": lens, "layer": layer, "trained_on": "t", "seed": 0, "lens_folder": "runs/x"}
            values = {"divergence_final": left, "cross_entropy": left + 1, "reference_probability": 0.5, "entropy": 1.0}
            rows += [{**key, "prompt": f"p{n}", "position": 3, **values} for n in range(4)]
            bias = {"bias": left / 2, "bias_low": left / 3, "bias_high": left}
            rows.append({**key, "prompt": "all", "position": -1, "seed": -1, **bias})
    return pd.DataFrame(rows)


def test_both_lenses_beside_each_other(compared):
    found = compared_pictures(compared)
    assert list(found) == ["t.divergence", "t.loss", "t.bias", "t.probability"]
    for name, picture in found.items():
        names = [trace.name for trace in picture.figure.data if trace.meta["role"] == "mean"]
        assert names == ["logit lens", "tuned lens"], name
        assert "<script" not in text_of(picture.figure)
    assert "divergence from the answer 1.50 → 0.38 nats" in compared_findings(compared)[0]
    assert "--lens runs/x" in compared_findings(compared)[1]
    frame = comparison_table(compared).frame
    assert frame["Bias, tuned lens"].tolist()[0] == "0.38"
    assert len(frame) == LAYERS + 1
