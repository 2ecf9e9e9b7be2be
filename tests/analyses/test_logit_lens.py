"""The logit lens analysis: on tiny models by its definition, on the embedded model by what must be seen there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from analyses import logit_lens
from analyses.logit_lens import Config, cells, measure
from workbench.errors import UserError
from workbench.models.load import load
from workbench.runs.runner import run
from workbench.statistics.lens_curves import lens_means, unmasked


@pytest.fixture(scope="module")
def config(tiny_checkpoint, word_pairs) -> Config:
    return Config(
        model=str(tiny_checkpoint("llama")),
        task=(word_pairs,),
        format="instr_task",
        examples=2,
        seeds=(0, 1),
        masks=("TTF", "FTF"),
        limit=5,
        batch_size=3,
        dtype="float64",
    )


@pytest.fixture(scope="module")
def model(config):
    return load(config.model, dtype=torch.float64)


def measured(config, model):
    return pd.concat([measure(config, cell, model) for cell in cells(config)], ignore_index=True)


@pytest.fixture(scope="module")
def table(config, model):
    return measured(config, model)


KEYS = ["seed", "mask", "from_layer", "layer", "prompt", "position"]


def test_a_row_for_every_mask_layer_depth_and_prompt(table):
    assert not table.duplicated(KEYS).any()
    assert len(table) == 2 * 2 * 5 * 5 * 5
    assert set(table["layer"]) == set(table["from_layer"]) == set(range(5))
    assert (table["normalisation"] == "RMS").all()
    assert (table["offset"] == 0).all()


def test_up_to_its_first_layer_a_mask_changes_nothing_and_then_something(table):
    clean = table[table["from_layer"] == 4].set_index(["seed", "mask", "layer", "prompt"])["reference_log_probability"]
    rows = table.join(clean.rename("clean"), on=["seed", "mask", "layer", "prompt"])
    changed = rows["reference_log_probability"] != rows["clean"]
    assert not changed[rows["layer"] <= rows["from_layer"]].any()
    assert changed[rows["layer"] > rows["from_layer"]].all()
    assert (
        table.loc[table["from_layer"] == 4, "divergence_unmasked"]
        == table["divergence_final"][table["from_layer"] == 4]
    ).all()
    hidden = table[(table["from_layer"] == 0) & (table["layer"] == 4)]
    assert (hidden["divergence_final"] == 0).all()
    assert (hidden["divergence_unmasked"] > 0).all()


def test_the_last_depth_is_what_the_sweep_measures(config, model, table):
    from workbench.internals.residual_streams import Passage
    from workbench.interventions import Clean, ContextMask
    from workbench.prompt_sets import checked_task, prompts_of
    from workbench.sweep.reference import sweep

    task = checked_task(config.task[0], format=config.format, examples=2)
    prompts = prompts_of(model, task, task.test[:5], format=config.format, examples=2, seed=1)
    conditions = [Clean(), ContextMask.named("TTF", 0), ContextMask.named("TTF", 2)]
    assert Passage.of(prompts[0]).next_tokens() == prompts[0].reference_ids[:1]
    last = table[(table["layer"] == 4) & (table["mask"] == "TTF") & (table["seed"] == 1)]
    for outcome in sweep(model, prompts, conditions):
        from_layer = (4, 0, 2)[outcome.condition]
        row = last[(last["prompt"] == outcome.prompt) & (last["from_layer"] == from_layer)].iloc[0]
        assert row["reference_log_probability"] == pytest.approx(outcome.log_probabilities[0], abs=1e-6)
        assert row["divergence_unmasked"] == pytest.approx(outcome.divergence, abs=1e-6)


def test_settled_predictions_are_those_that_stay(table):
    for _, rows in table.sort_values("layer").groupby(["seed", "mask", "from_layer", "prompt"]):
        best = [tokens[0] for tokens in rows["top_tokens"]]
        expected = [float(all(token == best[-1] for token in best[depth:])) for depth in range(len(best))]
        assert rows["settled"].tolist() == expected
        assert all(np.diff(probabilities).max() <= 0 for probabilities in rows["top_probabilities"])


def test_more_positions_and_named_tokens(config, model):
    text = model.decode([model.encode("cat")[0][-1]])
    found = measured(replace(config, seeds=(0,), masks=("FFF",), positions="all", tokens=(text,)), model)
    assert set(found["from_layer"]) == {4}
    assert found["offset"].min() < 0 < found["offset"].max()
    assert found[f"{text}_rank"].between(1, model.hooked.cfg.d_vocab).all()
    answers = measured(replace(config, seeds=(0,), masks=("FFF",)), model)
    both = found.merge(answers, on=["prompt", "layer", "position"], suffixes=("", "_alone"))
    assert len(both) == len(answers)
    np.testing.assert_allclose(both["entropy"], both["entropy_alone"], atol=1e-9)


def test_a_run_to_the_report_and_the_layer_profile(config, tmp_path):
    chosen = replace(config, seeds=(0,), masks=("TTF",), layers=(0, 2))
    finished = run(logit_lens, chosen, tmp_path / "run", progress=False)
    table = finished.folder.table()
    names = [name.rpartition("jsonl.")[2] for name in logit_lens.figures(table)]
    # Sources and targets of this task are the same words: there is no group of tokens to draw.
    assert names == ["answer", "rank", "certainty", "tokens", "TTF.reference", "TTF.tokens"]
    assert "from layer 0 up to 4 (never)" in " ".join(finished.page.summary)
    profile = logit_lens.layer_profile(table)
    assert list(profile.columns) == ["model", "task", "layer", "quantity", "value", "low", "high"]
    assert (profile["low"] <= profile["value"]).all()
    assert "rank of the answer, logit lens (1 = first)" in set(profile["quantity"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"masks": ("TXF",)}, "Unknown mask 'TXF'"),
        ({"task": ("translate-en-fn",)}, "translate-en-fr"),
        ({"limit": 99}, "99 test prompts"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"seeds": ()}, "No seeds given"),
    ],
)
def test_bad_settings_are_refused_before_a_model_is_loaded(config, change, message):
    with pytest.raises(UserError, match=message):
        cells(replace(config, **change))


def test_bad_settings_that_need_the_model(config, model, tmp_path):
    with pytest.raises(UserError, match="holds no trained lens"):
        cells(replace(config, lens=tmp_path))
    with pytest.raises(UserError, match="Layer 9 is out of range"):
        measured(replace(config, layers=(9,)), model)
    with pytest.raises(UserError, match="is no token"):
        measured(replace(config, tokens=("no such token",)), model)


def test_on_the_embedded_model_the_language_is_read_before_the_word():
    mini = load("mini")
    table = measured(Config(limit=20), mini)
    means = unmasked(lens_means(table)).pivot_table(index="layer", columns="quantity", values="value")
    last = mini.n_layers
    assert means.loc[last, "answer_group"] > 0.9
    assert means.loc[last, "reference_probability"] > 0.7
    assert means.loc[0, "reference_rank"] > 50 > means.loc[last, "reference_rank"]
    assert (means["answer_group"] >= means["reference_probability"] - 0.1).all()
    hidden = lens_means(table[(table["from_layer"] == 0) & (table["layer"] == last)])
    left = hidden.set_index("quantity")["value"]
    assert left["answer_group"] < means.loc[last, "answer_group"] - 0.2
    assert left["reference_probability"] < means.loc[last, "reference_probability"] - 0.2
