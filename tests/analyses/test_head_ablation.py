"""Ablation one by one: against the plain reference's own arithmetic, on tiny models and on the embedded one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from analyses import head_ablation
from analyses.head_ablation import Config, cells, measure
from workbench.errors import UserError
from workbench.internals.head_outputs import answer_head_outputs, mean_head_outputs
from workbench.interventions import Clean, HeadAblation
from workbench.models.load import load
from workbench.runs.runner import run
from workbench.statistics.effects import effects
from workbench.sweep import reference


@pytest.fixture(scope="module")
def config(tiny_checkpoint, word_pairs) -> Config:
    model = str(tiny_checkpoint("llama-gqa"))
    settings = {"examples": 2, "limit": 5, "batch_size": 3, "dtype": "float64", "max_new_tokens": 4}
    return Config(model=model, task=(word_pairs,), **settings)


@pytest.fixture(scope="module")
def model(config):
    return load(config.model, dtype=torch.float64)


def measured(config, model):
    return pd.concat([measure(config, cell, model) for cell in cells(config)], ignore_index=True)


@pytest.mark.parametrize("how", ["zero", "mean"])
def test_each_head_is_ablated_as_the_reference_does(config, model, how):
    chosen = replace(config, how=how, positions="answering", scores=("log_probability",))
    table = measured(chosen, model)
    assert sorted(set(table["condition"])) == sorted(
        ["clean", *(f"{layer}.{head}" for layer in range(model.n_layers) for head in range(model.n_heads))]
    )
    assert (table.groupby("condition").size() == 5).all()
    again = measured(replace(chosen, engine="reference"), model)
    ours, theirs = (np.array([row[0] for row in frame["log_probability"]]) for frame in (table, again))
    assert ours == pytest.approx(theirs, abs=1e-9)
    # Five prompts, clean and with each of 16 heads ablated: no two alike.
    assert len(np.unique(ours.round(9))) == 5 * 17


def test_a_key_value_head_takes_its_query_heads_along(config, model, tiny_prompts):
    prompts = tiny_prompts(model)
    group = model.n_heads // model.hooked.cfg.n_key_value_heads
    both = HeadAblation({(1, 0), (1, 1)}, "zero", ("all",))
    grouped = HeadAblation.of_key_value_heads({(1, 0)}, group)
    assert group == 2
    outcomes = [reference.sweep(model, prompts, [Clean(), one]) for one in (both, grouped)]
    assert outcomes[0] == outcomes[1]
    table = measured(replace(config, unit="key-value-head"), model)
    assert set(table.loc[table["condition"] != "clean", "head"]) == {0, 1}


def test_sub_layers_and_sets(config, model):
    for unit in ("attention", "feed-forward"):
        table = measured(replace(config, unit=unit), model)
        assert set(table["condition"]) == {"clean", *(f"{unit} {layer}" for layer in range(model.n_layers))}
    table = measured(replace(config, sets=("0.1,2.3", "1.0")), model)
    assert list(dict.fromkeys(table["condition"])) == ["clean", "0.1,2.3", "1.0"]


def test_a_mean_is_that_of_the_positions(model, tiny_prompts):
    prompts = tiny_prompts(model, count=2)
    kept = {}
    for number, prompt in enumerate(prompts):
        _, cache = model.hooked.run_with_cache(torch.tensor([prompt.token_ids]), names_filter="blocks.2.attn.hook_z")
        kept[number] = cache["blocks.2.attn.hook_z"][0]
    expected = torch.cat([kept[n][list(p.positions("query"))] for n, p in enumerate(prompts)]).mean(0)
    assert torch.allclose(mean_head_outputs(model, prompts, ("query",))[2], expected)
    last = torch.stack([kept[number][-1] for number in range(2)])
    assert torch.allclose(answer_head_outputs(model, prompts)[:, 2], last)


def test_resampling_writes_another_prompts_output(config, model):
    table = measured(replace(config, how="resample", positions="answer", scores=("log_probability",)), model)
    changed = effects(table, ["layer", "head"])
    assert len(changed) == model.n_layers * model.n_heads
    assert changed["effect"].abs().max() > 0


def test_what_does_not_go_together_is_refused(config, model):
    for wrong, words in (
        ({"unit": "attention", "how": "mean"}, "removed"),
        ({"how": "resample"}, "--positions answer"),
        ({"sets": ("4-2",)}, "no set of heads"),
        ({"sets": ("0.1",), "unit": "attention"}, "sets of heads"),
        ({"batch_size": 0}, "1 or more"),
        ({"how": "mean", "examples": 6}, "none is left"),
    ):
        with pytest.raises(UserError, match=words):
            measured(replace(config, **wrong), model)
    with pytest.raises(UserError, match="There is no head 9"):
        measured(replace(config, sets=("0.9",)), model)


def test_a_run_draws_its_report(config, tmp_path):
    finished = run(head_ablation, replace(config, dtype="float32"), tmp_path, progress=False)
    assert finished.page.summary[0].startswith("llama")
    assert "of 16 heads lower the log-probability" in finished.page.summary[0]
    profile = head_ablation.layer_profile(finished.folder.table())
    assert list(profile["layer"]) == [0, 1, 2, 3]


def test_the_embedded_model_needs_some_heads_and_not_others():
    """Late heads that copy from the source are needed for translation; most are not."""
    config = Config(limit=20, batch_size=20, scores=("log_probability",))
    found = effects(measured(config, load("mini")), ["layer", "head"])
    needed = found[(found["p"] < 0.05) & (found["effect"] < -0.05)]
    assert 1 <= len(needed) <= 40
