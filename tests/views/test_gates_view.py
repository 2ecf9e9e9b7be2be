"""Pictures and sentences of planted gates: under the larger penalty layer 1 is shut, and half the answers are lost."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.views.gate_trainings import trainings
from workbench.views.gates import gate_findings, gate_pictures, gate_profile, gate_table
from workbench.views.layer_profiles import PROFILE_COLUMNS

N_LAYERS, N_HEADS, PROMPTS = 2, 4, 20
NOTHING = {"layer": -1, "head": -1, "step": -1, "off": -1, "kept": -1}


def answers(share: float, **constant: object) -> list[dict[str, object]]:
    constant |= {"what": "answer", "task": "t", "kind": "k", "format": "instr_task", "examples": 5}
    return [
        {**NOTHING, **constant, "prompt": f"p{n}", "exact_match": [float(n < share * PROMPTS), 1.0]}
        for n in range(PROMPTS)
    ]


def training(penalty: str, shut: set[int], share: float, **constant: object) -> list[dict[str, object]]:
    constant |= {"training_examples": 5, "penalty": penalty}
    empty = {"task": "", "kind": "", "format": "", "prompt": "", "examples": -1, "exact_match": None}
    gates = [
        {**NOTHING, **empty, **constant, "what": "gate", "layer": layer, "head": head, "gate": float(layer not in shut)}
        for layer in range(N_LAYERS)
        for head in range(N_HEADS)
    ]
    steps = [
        {**NOTHING, **empty, **constant, "what": "evaluation", "step": 12 * n, "off": n, "kept": int(n == 1)}
        | {"validation_loss": 2.0 - n}
        for n in range(3)
    ]
    return [*answers(share, **constant), *gates, *steps]


@pytest.fixture
def found():
    constant = {"model": "tiny<b>", "n_layers": N_LAYERS, "n_heads": N_HEADS, "trained_on": "t", "seed": 0}
    rows = answers(1.0, **constant, training_examples=-1, penalty="")
    rows += training("0.1", {1}, 0.5, **constant) + training("0.01", set(), 1.0, **constant)
    return trainings(pd.DataFrame(rows))


def test_a_map_for_each_penalty(found):
    maps = gate_pictures(found)[0]
    assert maps.name == "t.gates.5-examples.seed-0"
    assert [[list(row) for row in trace.z] for trace in maps.figure.data] == [
        [[1.0] * N_HEADS, [0.0] * N_HEADS],
        [[1.0] * N_HEADS, [1.0] * N_HEADS],
    ]
    titles = [note.text for note in maps.figure.layout.annotations]
    assert titles == ["λ = 0.1<br>4 off (50%)", "λ = 0.01<br>0 off (0%)"]
    assert "tiny&lt;b&gt;" in maps.figure.layout.title.subtitle.text


def test_scores_by_penalty_with_the_line_without_gates(found):
    figure = gate_pictures(found)[1].figure
    by_name = {trace.name: trace for trace in figure.data}
    line = by_name["tested with 5 examples, trained with 5 examples"]
    assert (list(line.x), list(line.y)) == (["0.01", "0.1"], [1.0, 0.5])
    assert line.error_y.array[0] == 0
    assert line.error_y.array[1] > 0.1
    assert list(by_name["without gates, tested with 5 examples"].y) == [1.0, 1.0]
    bars = by_name["heads off, trained with 5 examples"]
    assert dict(zip(bars.x, bars.y, strict=True)) == {"0.01": 0.0, "0.1": 0.5}
    assert list(figure.layout.xaxis.categoryarray) == ["0.01", "0.1"]


def test_the_losses_with_what_was_kept(found):
    figure = gate_pictures(found)[2].figure
    ring = next(trace for trace in figure.data if trace.mode == "markers")
    assert (list(ring.x), list(ring.y)) == ([12], [1.0])
    off = next(trace for trace in figure.data if trace.yaxis == "y2")
    assert list(off.y) == [0, 1, 2]


def test_sentences_and_the_table(found):
    first, second = gate_findings(found)
    assert "gates trained with 5 examples, λ = 0.1: 4 of 8 heads off (50%)" in first
    assert "exact match with 5 examples 1.00 → 0.50 (difference −0.50 [" in first
    assert "0 of 8 heads off" in second
    frame = gate_table(found).frame
    assert frame["Heads off"].tolist() == ["4 (50%)", "0 (0%)"]
    assert frame["With gates"].tolist() == ["0.50", "1.00"]
    assert frame["Steps"].tolist() == [24, 24]


def test_the_profile_is_that_of_the_papers_best_penalty(found):
    profile = gate_profile(found)
    assert tuple(profile.columns) == PROFILE_COLUMNS
    assert profile["value"].tolist() == [0.0, 0.0]
    assert gate_profile(found[:1])["value"].tolist() == [0.0, 100.0]
    assert "λ = 0.1 (% of the layer's heads)" in gate_profile(found[:1])["quantity"][0]
