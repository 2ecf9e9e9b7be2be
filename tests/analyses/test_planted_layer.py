"""Models whose recognition layer is known, since their weights were made so."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from workbench.interventions import Clean, ContextMask
from workbench.scoring import Scored, score_named
from workbench.statistics.curves import summarise
from workbench.sweep import engine, reference


def planted(tiny_model, layer, architecture="llama"):
    """Attention writes nothing from `layer` on, and a lot in the layer before it."""
    model = tiny_model(architecture, torch.float64)
    for index, block in enumerate(model.hooked.blocks):
        block.attn.W_O.mul_(0.0 if index >= layer else 6.0 if index == layer - 1 else 1.0)
    return model


def measurements(model, prompts, run):
    conditions = [ContextMask.named("TTF", layer) for layer in range(model.n_layers)] + [Clean()]
    outcomes = run(model, prompts, conditions)
    rows = []
    for start in range(0, len(outcomes), len(conditions)):
        of_prompt = outcomes[start : start + len(conditions)]
        for from_layer, outcome in enumerate(of_prompt):
            scored = Scored(
                outcome.text,
                token_ids=outcome.token_ids,
                clean_token_ids=of_prompt[-1].token_ids,
                divergence=outcome.divergence,
            )
            scores = {name: score_named(name).statistics(scored) for name in ("agreement", "divergence")}
            rows.append({"from_layer": from_layer, "prompt": outcome.prompt, **scores})
    constant = {"model": model.name, "n_layers": model.n_layers, "task": "tiny", "kind": "tiny"}
    constant |= {"format": "instr_task", "examples": 2, "seed": 0, "mask": "TTF"}
    return pd.DataFrame(rows).assign(**constant)


@pytest.mark.parametrize("run", [reference.sweep, engine.sweep])
@pytest.mark.parametrize("layer", [1, 2, 3])
@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_exactly_the_planted_layer(tiny_model, tiny_prompts, architecture, layer, run):
    model = planted(tiny_model, layer, architecture)
    table = measurements(model, tiny_prompts(model, count=5), run)
    found = summarise(table).recognition.query("seed == 'all'").set_index("score")
    assert found.loc["divergence", "layer"] == layer
    assert found.loc["agreement", "layer"] == layer
    curve = summarise(table).curves.query("score == 'divergence' and seed == 'all'").set_index("from_layer")
    assert (curve.loc[layer:, "value"] == 0).all(), "attention that writes nothing cannot be missed"
    assert (curve.loc[: layer - 1, "value"] > 0).all()


def test_no_attention_at_all_has_no_recognition_layer(tiny_model, tiny_prompts):
    model = tiny_model("llama", torch.float64)
    for block in model.hooked.blocks:
        block.attn.W_O.zero_()
    table = measurements(model, tiny_prompts(model, count=5), engine.sweep)
    found = summarise(table).recognition
    assert found["layer"].isna().all()
    assert (found["reason"] != "").all()
