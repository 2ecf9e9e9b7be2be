"""The tuned lens: starts as the logit lens, learns, goes on where it stopped, and belongs to one model."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from workbench.errors import UserError
from workbench.internals.residual_streams import residual_streams
from workbench.lenses import LogitLens, TunedLens, read, training
from workbench.lenses.bias import marginal_divergence
from workbench.lenses.sources import TaskPrompts, Text
from workbench.lenses.training import Training, default_folder, recipe_of, trained_lens
from workbench.random_streams import stream
from workbench.tasks.task import Item, Task

WORDS = ["cat", "the small cat", "red house", "see", "where is the book?", "a dog", "on the table .", "les petits"]
SMALL = Training(steps=12, passages=3, rows=24, learning_rate=5e-3)


@pytest.fixture
def model(tiny_model):
    return tiny_model("llama")


@pytest.fixture
def source():
    items = [Item(f"tiny/{n}", word, WORDS[(n + 3) % len(WORDS)]) for n, word in enumerate(WORDS)]
    return TaskPrompts([Task("tiny", "tiny", "Answer", items[:6], items[6:])], "instr_none_QA", 2)


def held_out(model, source):
    passages = source.drawn(model, stream(1, "held out"), 6)
    ((_, streams),) = residual_streams(model, passages)
    return streams, torch.tensor([[token] for passage in passages for token in passage.next_tokens()])


def divergence(model, lens, streams, asked):
    return read(model, lens.translated(streams), asked, others=streams[-1:]).divergence[..., 0].mean(1)


def test_untrained_it_is_the_logit_lens(model, source):
    streams, _ = held_out(model, source)
    assert (TunedLens.untrained(model).translated(streams) == LogitLens().translated(streams)).all()


def test_training_brings_every_depth_nearer_and_leaves_the_last(model, source, tmp_path):
    lens = trained_lens(model, source, replace(SMALL, steps=60), tmp_path / "lens")
    streams, asked = held_out(model, source)
    before, after = (divergence(model, each, streams, asked) for each in (LogitLens(), lens))
    assert (after[:-1] < 0.8 * before[:-1]).all()
    assert after[-1] == 0
    assert not any(parameter.requires_grad for parameter in model.hooked.parameters())


def test_the_loss_is_what_is_evaluated(model, source):
    streams, asked = held_out(model, source)
    state = training._State(TunedLens.untrained(model), SMALL, model)
    state.learn(streams)
    expected = divergence(model, LogitLens(), streams, asked)[:-1]
    torch.testing.assert_close(torch.tensor(state.losses), expected, atol=1e-5, rtol=1e-5)


def test_stopped_and_gone_on_it_is_the_same_lens(model, source, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "SAVE_EVERY", 5)
    whole = trained_lens(model, source, SMALL, tmp_path / "whole")
    steps = []

    def stop(done):
        steps.append(done)
        if len(steps) == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained_lens(model, source, SMALL, tmp_path / "stopped", stop)
    resumed = []
    again = trained_lens(model, source, SMALL, tmp_path / "stopped", resumed.append)
    assert len(resumed) == SMALL.steps - 5
    assert (again.weight == whole.weight).all()
    assert (again.bias == whole.bias).all()
    assert not list((tmp_path / "stopped").glob("state*"))
    finished = []
    assert (trained_lens(model, source, SMALL, tmp_path / "stopped", finished.append).weight == whole.weight).all()
    assert finished == []


def test_saved_and_loaded(model, tiny_model, source, tmp_path):
    lens = trained_lens(model, source, SMALL, tmp_path)
    loaded = TunedLens.load(tmp_path, model)
    assert (loaded.weight == lens.weight).all()
    assert loaded.trained["steps"] == SMALL.steps
    assert len(loaded.trained["last_loss"]) == model.n_layers
    with pytest.raises(UserError, match="other weights"):
        TunedLens.load(tmp_path, tiny_model("llama-gqa"))
    with pytest.raises(UserError, match="steps differ"):
        trained_lens(model, source, replace(SMALL, steps=5), tmp_path)
    with pytest.raises(UserError, match="examples differ"):
        trained_lens(model, replace(source, examples=1), SMALL, tmp_path)
    (tmp_path / "lens.safetensors").write_bytes(b"no weights")
    with pytest.raises(UserError, match="cannot be read"):
        TunedLens.load(tmp_path, model)
    (tmp_path / "lens.json").write_text(json.dumps({"model": "x"}))
    with pytest.raises(UserError, match="holds no trained lens"):
        TunedLens.load(tmp_path, model)
    with pytest.raises(UserError, match="give another folder"):
        trained_lens(model, source, SMALL, tmp_path / "lens.json")


def test_the_same_recipe_has_the_same_place(model, source):
    recipe = recipe_of(model, source, SMALL)
    assert default_folder(recipe) == default_folder(dict(reversed(recipe.items())))
    assert default_folder(recipe) != default_folder(recipe_of(model, source, replace(SMALL, seed=1)))


def test_prompts_of_the_pool_only(model, source):
    names = set()
    for passage in source.drawn(model, stream(0, "names"), 20):
        names.add(passage.prompt.name)
        assert passage.positions == tuple(range(len(passage.token_ids)))
        assert not any(f"Q:{item.source}\n" in passage.prompt.text for item in source.tasks[0].test)
    assert len(names) > 2
    with pytest.raises(UserError, match="a prompt needs 7"):
        replace(source, examples=6).drawn(model, stream(0, "names"), 1)


def test_stretches_of_a_text(model, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("the small cats do not see the red house . " * 40)
    text = Text(path)
    for passage in text.drawn(model, stream(0, "text"), 3):
        assert passage.prompt.token_ids[0] == model.bos
        assert passage.positions == tuple(range(1, len(passage.token_ids)))
        assert model.decode(passage.token_ids).strip() in path.read_text()
    lens = trained_lens(model, text, replace(SMALL, steps=2), tmp_path / "lens")
    assert lens.trained["text"] == "text.txt"
    for name, content in (("empty.txt", b" "), ("binary.bin", b"\xff\xfe\x00")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=name):
            Text(tmp_path / name).described  # noqa: B018
    with pytest.raises(UserError, match=r"missing\.txt"):
        Text(tmp_path / "missing.txt").described  # noqa: B018


@pytest.mark.parametrize("change", [{"steps": 0}, {"rows": 0}, {"learning_rate": -1.0}])
def test_settings_that_train_nothing_are_refused(model, source, tmp_path, change):
    with pytest.raises(UserError, match="more than 0"):
        trained_lens(model, source, replace(SMALL, **change), tmp_path)


def test_the_bias_equals_that_of_whole_distributions(tiny_model, source):
    model = tiny_model("gemma-2", torch.float64)
    streams, asked = held_out(model, source)
    owner = [row % 4 for row in range(streams.shape[1])]
    weights = np.array([[1.0, 1, 1, 1], [2, 0, 1, 1]])
    readings = read(model, streams, asked)
    found = marginal_divergence(model, streams, readings, owner, weights, budget=500)
    with torch.no_grad():
        probabilities = model.logits(streams).softmax(-1).numpy()
    for draw, counts in enumerate(weights):
        each = counts[owner]
        mean = (probabilities * each[None, :, None]).sum(1) / each.sum()
        expected = (mean[-1] * np.log(mean[-1] / mean)).sum(-1)
        np.testing.assert_allclose(found[draw], expected, atol=1e-10)
    assert found[0, -1] == pytest.approx(0, abs=1e-12)
    assert (found[:, 0] > 0).all()
