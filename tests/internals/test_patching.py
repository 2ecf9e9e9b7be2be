"""Activation patching, against TransformerLens's own, against the plain reference, and at its ends."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
import torch
from transformer_lens import patching as theirs

from workbench.errors import UserError
from workbench.internals.corruptions import Asked, Pair, prompt_pairs
from workbench.internals.patching import Patching, patched_rows
from workbench.tasks.task import Item, Task

PARTS = ("residual", "attention", "feed-forward", "head")
# One token each, whatever the tokenizer, so that examples can be exchanged.
WORDS = "BCDFGHJKLMNP"


def _task(name: str, shift: int) -> Task:
    items = [Item(f"{name}/{n}", word, WORDS[(n + shift) % len(WORDS)]) for n, word in enumerate(WORDS)]
    return Task(name, "toy", "Answer", items[4:], items[:4], stop=("\n",), max_new_tokens=3)


def pairs_of(model, count=3, alignment="tokens") -> list[Pair]:
    task, other = _task("one", 5), _task("two", 3)
    asked = Asked("instr_none_QA", 2, 1, "other-task", other, alignment)
    return prompt_pairs(model, task, task.test[:count], asked)


def _only(places: pd.DataFrame) -> dict:
    """Patch at those places alone."""
    return {"index_axis_names": None, "index_df": places}


def values(rows):
    keys = ["prompt", "part", "layer", "head", "place"]
    return pd.DataFrame(rows).set_index(keys)["log_probability"].sort_index()


@pytest.mark.parametrize("architecture", ["llama-gqa", "gpt2"])
def test_it_is_what_transformer_lens_patches(tiny_model, architecture):
    model = tiny_model(architecture, torch.float64)
    (pair,) = pairs_of(model, count=1)
    rows = values(patched_rows(model, [pair], Patching(PARTS, ("answer", "prompt"), "tokens")))
    clean, corrupted = (torch.tensor([prompt.token_ids]) for prompt in (pair.clean, pair.corrupted))
    _, cache = model.hooked.run_with_cache(clean)
    answer, last = pair.clean.reference_ids[0], clean.shape[1] - 1

    def metric(logits):
        return logits[0, -1].log_softmax(-1)[answer]

    layers = pd.DataFrame({"layer": range(model.n_layers), "pos": last})
    by_part = {
        "residual": theirs.get_act_patch_resid_pre,
        "attention": theirs.get_act_patch_attn_out,
        "feed-forward": theirs.get_act_patch_mlp_out,
    }
    for part, patch in by_part.items():
        expected = patch(model.hooked, corrupted, cache, metric, **_only(layers))
        found = [rows[pair.clean.name, part, layer, -1, "answer"] for layer in range(model.n_layers)]
        assert found == pytest.approx(expected.tolist(), abs=1e-6), part
    heads = [(layer, head) for layer in range(model.n_layers) for head in range(model.n_heads)]
    frame = pd.DataFrame(heads, columns=["layer", "head"])
    everywhere = theirs.get_act_patch_attn_head_out_all_pos(model.hooked, corrupted, cache, metric, **_only(frame))
    found = [rows[pair.clean.name, "head", layer, head, "prompt"] for layer, head in heads]
    assert found == pytest.approx(everywhere.tolist(), abs=1e-6)
    frame = pd.DataFrame([(layer, last, head) for layer, head in heads], columns=["layer", "pos", "head"])
    at_answer = theirs.get_act_patch_attn_head_out_by_pos(model.hooked, corrupted, cache, metric, **_only(frame))
    found = [rows[pair.clean.name, "head", layer, head, "answer"] for layer, head in heads]
    assert found == pytest.approx(at_answer.tolist(), abs=1e-6)
    assert len({round(value, 9) for value in found}) > len(heads) // 2


@pytest.mark.parametrize("architecture", ["gemma-2", "gpt-neox"])
def test_the_fast_sweep_patches_as_the_reference_does(tiny_model, architecture):
    model = tiny_model(architecture, torch.float64)
    pairs = pairs_of(model, count=2)
    patching = Patching(("residual", "head"), ("examples.target",), "tokens", "reference")
    fast = values(patched_rows(model, pairs, patching))
    slow = values(patched_rows(model, pairs, replace(patching, engine="reference")))
    assert list(fast.index) == list(slow.index)
    assert fast.tolist() == pytest.approx(slow.tolist(), abs=1e-9)


def test_what_is_shared_is_patched_as_if_it_were_not(tiny_model):
    model = tiny_model("llama", torch.float64)
    pairs = pairs_of(model)
    patching = Patching(("residual", "attention"), ("examples.0.target", "query", "answer"), "tokens")
    together = values(patched_rows(model, pairs, patching))
    apart = values([row for pair in pairs for row in patched_rows(model, [pair], patching)])
    assert together.to_dict() == pytest.approx(apart.to_dict(), abs=1e-9)


def test_everything_patched_is_the_clean_run(tiny_model):
    model = tiny_model("opt", torch.float64)
    pairs = pairs_of(model)
    rows = values(patched_rows(model, pairs, Patching(("residual",), ("prompt",), "tokens")))
    for pair in pairs:
        name = pair.clean.name
        clean, corrupted = (rows[name, part, -1, -1, "none"] for part in ("clean", "corrupted"))
        assert abs(clean - corrupted) > 1e-3
        for layer in range(model.n_layers):
            assert rows[name, "residual", layer, -1, "prompt"] == pytest.approx(clean, abs=1e-9)


def test_aligned_by_the_last_tokens(tiny_model):
    model = tiny_model("gpt2", torch.float64)
    task = replace(_task("one", 5), pool=[Item(f"p{n}", "a " * n + "cat", "dog " * n) for n in range(1, 6)])
    asked = Asked("instr_none_QA", 2, 0, "shuffled", None, "last")
    pairs = prompt_pairs(model, task, task.test[:2], asked)
    patching = Patching(("residual",), ("examples.target", "answer"), "last")
    fast = values(patched_rows(model, pairs, patching))
    slow = values(patched_rows(model, pairs, replace(patching, engine="reference")))
    assert fast.to_dict() == pytest.approx(slow.to_dict(), abs=1e-9)
    # What enters the last layer at the answer is all that the answer's own position has from below.
    assert (
        fast[pairs[0].clean.name, "residual", 3, -1, "answer"] != fast[pairs[0].clean.name, "corrupted", -1, -1, "none"]
    )


def test_an_empty_reference_is_refused(tiny_model):
    model = tiny_model("llama")
    pair, *_ = pairs_of(model)
    empty = Pair(replace(pair.clean, reference_ids=()), replace(pair.corrupted, reference_ids=()))
    with pytest.raises(UserError, match="empty reference"):
        patched_rows(model, [empty], Patching(("residual",), ("answer",), "tokens"))
