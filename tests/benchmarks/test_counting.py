"""Counted layer-tokens against what a model of Hugging Face really computes, and peers against the reference."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
import torch

from benchmarks.cached import Cached
from benchmarks.counting import differing, needed, product_share
from benchmarks.hugging_face import HuggingFace
from benchmarks.settings import Subject, completions_only
from benchmarks.sweeps import Fast
from workbench.interventions import ContextMask
from workbench.sweep import reference
from workbench.sweep.rows import prefix_length


def subject_of(tiny_checkpoint, tiny_model, tiny_prompts, dtype):
    model = tiny_model("llama", dtype)
    return Subject("tiny", Path(tiny_checkpoint("llama")), model, None, tiny_prompts(model, count=3))


@pytest.fixture
def subject(tiny_checkpoint, tiny_model, tiny_prompts):
    return subject_of(tiny_checkpoint, tiny_model, tiny_prompts, torch.float64)


@pytest.fixture
def subject32(tiny_checkpoint, tiny_model, tiny_prompts):
    """Hugging Face takes its float64 masks for infinite in the softmax, so that padding is not a number there."""
    return subject_of(tiny_checkpoint, tiny_model, tiny_prompts, torch.float32)


def counted(hugging_face):
    """Counts tokens that go through layers, batches of one aside from padding."""
    tokens = defaultdict(int)

    def count(module, arguments, keywords):
        tokens["all"] += keywords["hidden_states"].shape[1] if "hidden_states" in keywords else arguments[0].shape[1]

    for layer in hugging_face.model.layers:
        layer.register_forward_pre_hook(count, with_kwargs=True)
    return tokens


def expected(subject, prompts):
    conditions = [ContextMask.named("TTF", layer) for layer in range(subject.model.n_layers)]
    outcomes = reference.sweep(subject.model, prompts, conditions)
    return {(outcome.prompt, outcome.condition): outcome.token_ids for outcome in outcomes}


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_the_strong_peer_completes_as_the_reference_does(subject, attention, batch_size):
    prompts = completions_only(subject.prompts)
    found = Cached(subject, attention).sweep(prompts, range(subject.model.n_layers), batch_size)
    assert found == expected(subject, prompts)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_tuned_peer_completes_as_the_reference_does(subject32, batch_size):
    prompts = completions_only(subject32.prompts)
    found = HuggingFace(subject32).sweep(prompts, range(subject32.model.n_layers), batch_size)
    assert found == expected(subject32, prompts)


def test_the_fast_sweep_is_the_reference_s(subject):
    fast = Fast(subject)
    assert fast.sweep() == expected(subject, fast.prompts)
    assert fast.layer_tokens > 0


def test_layer_tokens_are_those_that_run(subject):
    """One prompt at a time, so that nothing is padded."""
    prompts = completions_only(subject.prompts)
    n_layers = subject.model.n_layers
    tuned = HuggingFace(subject)
    ran = counted(tuned.model)
    found = tuned.sweep(prompts, range(n_layers), 1)
    assert needed(prompts, found, n_layers) == ran["all"]

    strong = Cached(subject, "eager")
    ran = counted(strong.model)
    found = strong.sweep(prompts, range(n_layers), 1)
    assert needed(prompts, found, n_layers, shared=prefix_length(prompts)) == ran["all"]

    published = HuggingFace(subject)
    ran = counted(published.model)
    found = published.sweep(prompts, range(n_layers), 1, tokens=9)
    assert needed(prompts, found, n_layers, always=9) == ran["all"]


def test_layer_tokens_by_hand(tiny_model, tiny_prompts):
    prompts = tiny_prompts(tiny_model("llama", torch.float64), count=2)
    lengths = [len(prompt.token_ids) for prompt in prompts]
    completed = {(prompt.name, layer): (1, 2, 3) for prompt in prompts for layer in range(4)}
    assert needed(prompts, completed, 4) == 4 * 4 * (sum(lengths) + 2 * 2)
    assert needed(prompts, completed, 4, shared=5) == 4 * (5 + 4 * (sum(lengths) - 2 * 5 + 2 * 2))
    assert needed(prompts, completed, 4, always=50) == 4 * 4 * (sum(lengths) + 2 * 49)


def test_differing():
    ours = {("a", 0): (1, 2), ("a", 1): (1,), ("b", 0): (3,)}
    assert differing(ours, {("a", 0): (1, 2), ("a", 1): (2,)}) == 1
    with pytest.raises(KeyError):
        differing(ours, {("c", 0): (1,)})


def test_the_share_of_products_is_of_all_time():
    left = torch.randn(600, 600)

    def elementwise():
        for _ in range(20):
            (left * left).sin()

    assert product_share(lambda: [left @ left for _ in range(20)]) > 0.9
    assert product_share(elementwise) == 0
    mixed = product_share(lambda: (elementwise(), left @ left))
    assert 0 < mixed < 0.9
