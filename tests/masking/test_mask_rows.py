"""Masks as rows: what is shared, what is kept apart, and that the rows say what the reference measures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from workbench.errors import UserError
from workbench.masking import mask_rows as module
from workbench.masking.mask_rows import MaskCurve, every_layer, mask_rows, rows_by_seed
from workbench.scoring import score_named
from workbench.statistics.curves import Settings

SCORES = [score_named(name) for name in ("log_probability", "agreement", "divergence")]
CONSTANT = {"model": "tiny", "n_layers": 4, "task": "tiny", "seed": 0}


@pytest.fixture(scope="module")
def model(tiny_model):
    return tiny_model("llama", torch.float64)


@pytest.fixture(scope="module")
def prompts(model, tiny_prompts):
    return tiny_prompts(model, count=3)


@pytest.fixture
def conditions(monkeypatch):
    """The conditions that were swept."""
    ran = []
    real = module.sweep

    def counting(model, prompts, conditions, **settings):
        ran.append(conditions)
        return real(model, prompts, conditions, **settings)

    monkeypatch.setattr(module, "sweep", counting)
    return ran


def rows(model, prompts, *curves, **settings):
    return mask_rows(model, prompts, curves, SCORES, CONSTANT, **{"batch_size": 3, **settings})


VARIED = (
    MaskCurve("TTF", (1, 2, 3), columns={"variant": "paper"}),
    MaskCurve("TTF", (1, 2, 3), keep_bos=False, columns={"variant": "bos"}),
    MaskCurve("TTF", (1, 2, 3), renormalise=False, columns={"variant": "zeroed"}),
    MaskCurve("mask_all", (2,), columns={"variant": "all"}),
)


def test_a_row_for_every_prompt_curve_and_layer(model, prompts):
    table = rows(model, prompts, *VARIED)
    assert not table.duplicated(["variant", "from_layer", "prompt"]).any()
    assert len(table) == 3 * (5 + 5 + 5 + 3)
    assert {variant: set(of["from_layer"]) for variant, of in table.groupby("variant")}["all"] == {0, 2, 4}
    assert list(table.columns[:7]) == [*CONSTANT, "mask", "variant", "from_layer"]


def test_one_sweep_and_one_ceiling_for_all(model, prompts, conditions):
    table = rows(model, prompts, *VARIED)
    assert len(conditions) == 1
    assert len(conditions[0]) == 1 + 4 + 4 + 4 + 2
    ceiling = table[table["from_layer"] == 4]
    assert (np.stack(ceiling["agreement"].to_list())[:, 0] == 1).all()
    assert (np.stack(ceiling["divergence"].to_list())[:, 0] == 0).all()


def test_both_engines_give_the_same_rows(model, prompts):
    fast, slow = (rows(model, prompts, *VARIED, engine=engine) for engine in ("fast", "reference"))
    for name in fast.columns:
        if name in [score.name for score in SCORES]:
            left, right = (np.array(table[name].to_list()) for table in (fast, slow))
            np.testing.assert_allclose(left, right, atol=1e-9)
        else:
            assert (fast[name] == slow[name]).all(), name


def test_ways_of_hiding_are_told_apart(model, prompts):
    """At the floor, where the BOS and the attention left matter most."""
    floor = rows(model, prompts, *VARIED).query("from_layer == 0").groupby("variant")["divergence"].sum()
    values = {variant: total[0] for variant, total in floor.items()}
    assert len({round(value, 9) for value in values.values()}) == 4


def test_without_a_bos_its_visibility_is_run_once(tiny_model, tiny_prompts, conditions):
    model = tiny_model("gpt2", torch.float64)
    table = rows(model, tiny_prompts(model), *VARIED[:2])
    assert len(conditions[0]) == 1 + 4
    bos = table.groupby("variant")["divergence"].agg(lambda values: np.stack(list(values)).tolist())
    assert bos["paper"] == bos["bos"]


def test_hiding_nothing_is_the_clean_run(model, prompts, conditions):
    table = rows(model, prompts, MaskCurve("FFF", ()))
    assert len(conditions[0]) == 1
    assert set(table["from_layer"]) == {0, 4}
    assert set(table["hides"]) == {""}
    assert table.groupby("prompt")["completion"].nunique().eq(1).all()


def test_what_is_hidden_is_said(model, tiny_prompts):
    bare = tiny_prompts(model, instructions=False)
    table = rows(model, bare, MaskCurve("TTF", (1,)), MaskCurve("FTF", (1,)))
    assert set(table["hides"]) == {"examples"}


def test_the_engine_is_said(model, prompts):
    assert rows(model, prompts, VARIED[0], engine="reference").attrs["engine"].startswith("reference")


def test_every_layer():
    assert every_layer(3) == (0, 1, 2)
    assert every_layer(3, [2]) == (2,)


@pytest.mark.parametrize(
    ("curve", "message"),
    [
        (MaskCurve("TTF", (9,)), "Layer 9 is out of range"),
        (MaskCurve("TXF", (1,)), "Unknown mask 'TXF'"),
    ],
)
def test_what_cannot_be_run(model, prompts, curve, message):
    with pytest.raises(UserError, match=message):
        rows(model, prompts, curve)


def test_a_mask_that_should_hide_and_does_not(model, tiny_prompts):
    with pytest.raises(UserError, match="has none of them"):
        rows(model, tiny_prompts(model, examples=0), MaskCurve("FTF", (1,)))


@pytest.mark.parametrize("engine", ["fast", "reference"])
def test_batches_are_filled_up_where_all_layers_run_at_once(model, prompts, monkeypatch, engine):
    """The reference runs one layer at a time: more prompts together would take more memory than was asked for."""
    monkeypatch.setattr("workbench.masking.adaptive.SHALLOW", 0)
    monkeypatch.setattr("workbench.masking.adaptive.first_layers", lambda *_: (2, 3))
    monkeypatch.setattr("workbench.masking.adaptive.next_layers", lambda *_: ())
    ran = []
    real = module.sweep

    def noting(model, prompts, conditions, *, batch_size, **settings):
        ran.append(batch_size)
        return real(model, prompts, conditions, batch_size=batch_size, **settings)

    monkeypatch.setattr(module, "sweep", noting)
    constant = {**CONSTANT, "kind": "tiny", "format": "tiny", "examples": 2}
    rows_by_seed(
        model, {0: prompts}, ["TTF"], "adaptive", SCORES, constant, rule=Settings(), batch_size=2, engine=engine
    )
    assert ran == [2, 4 if engine == "fast" else 2], "the pilot at all four layers, the others at two"
