from __future__ import annotations

import re

import pytest
import torch

from workbench.estimates import heard
from workbench.interventions import ANSWERING, AttentionRemoval, ContextMask, HeadAblation
from workbench.sweep import engine, memory
from workbench.sweep.attention import layers_of
from workbench.sweep.plan import Counts, Plan
from workbench.sweep.walk import Walk


def plan_of(model, prompts, conditions):
    return Plan(model, layers_of(model.hooked), prompts, conditions, Counts(), compare=True)


def stored(pairs):
    """Bytes that tensors take, counting what several of them share once."""
    return sum({each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in pairs}.values())


@torch.inference_mode()
def read(plan):
    """A walk that has read prompts and the longest completions, every row in a group of its own, as when all differ."""
    walk = Walk(plan, [[row] for row in range(len(plan.rows))])
    order = [plan.rows[group[0]].prompt for group in walk.groups.members]
    walk.extend(plan.own_tokens[order], plan.own_real[order], last=True)
    walk.columns += plan.draft
    groups = walk.regroup(dict.fromkeys(range(len(plan.rows)), 3))
    tokens = torch.full((len(groups.members), plan.capacity - walk.columns), 3)
    walk.extend(tokens, torch.ones_like(tokens, dtype=torch.bool))
    return walk


@pytest.mark.parametrize("architecture", ["llama-gqa", "gpt2"])
def test_what_is_stored_is_as_estimated(tiny_model, tiny_prompts, architecture):
    model = tiny_model(architecture)
    conditions = [AttentionRemoval((1,)), HeadAblation({(2, 0)}, positions=ANSWERING), ContextMask.named("TFF", 1)]
    prompts = tiny_prompts(model, count=3, max_new_tokens=30)
    plan = plan_of(model, prompts, conditions)
    walk = read(plan)
    context = [each for pair in walk.context._clean for each in pair]
    context += [each for of_layer in walk.context._changed.values() for pair in of_layer.values() for each in pair]
    context += [each for keys in walk.context._seen.values() if keys for each in (keys.key, keys.value)]
    estimate = memory.estimated(plan)
    assert stored(walk.store.tensors()) == memory._stored(plan, plan.capacity, apart=True)
    assert stored(context) == estimate.context


def test_an_estimate_is_announced_before_its_batch_runs(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    prompts, conditions, counts, said = tiny_prompts(model, count=3), [AttentionRemoval((1,))], engine.Counts(), []
    with heard(lambda estimate: said.append((estimate.total, counts.layer_tokens))):
        engine.sweep(model, prompts, conditions, batch_size=2, counts=counts)
    first, second = (memory.estimated(plan_of(model, some, conditions)).total for some in (prompts[:2], prompts[2:]))
    assert [total for total, _ in said] == [first, second]
    assert said[0][1] == 0
    engine.sweep(model, prompts, conditions)
    assert len(said) == 2


def test_a_batch_without_room_is_refused_before_it_runs(tiny_model, tiny_prompts, monkeypatch):
    model = tiny_model("llama")
    prompts = tiny_prompts(model, count=3)
    conditions = [AttentionRemoval((1,))]
    estimate = memory.estimated(plan_of(model, prompts, conditions)).total
    counts = engine.Counts()
    monkeypatch.setattr(memory, "free_memory", lambda device: estimate - 1)
    with pytest.raises(MemoryError, match=r"batch of 3 prompts under 1 conditions takes about .* are free on cpu"):
        engine.sweep(model, prompts, conditions, counts=counts)
    assert counts.layer_tokens == 0
    assert len(engine.sweep(model, prompts, conditions, batch_size=1)) == 3
    monkeypatch.setattr(memory, "free_memory", lambda device: estimate)
    assert len(engine.sweep(model, prompts, conditions)) == 3


def test_the_estimate_can_be_read():
    text = str(memory.Estimate(1_000_000, 2_000_000_000, 500_000_000, 3_000_000, 600_000_000, 5_000_000_000))
    assert re.fullmatch(
        r"2\.50 GB beside the model's 5\.00 GB \(weights laid out 1\.0 MB, context keys and values 2\.00 GB, own keys "
        r"and values 0\.50 GB, batch at work 3\.0 MB\); 0\.60 GB where completions agree",
        text,
    )


def test_memory_that_is_free():
    free = memory.free_memory(torch.device("cpu"))
    assert free is not None
    assert free > 2**20
    assert memory.free_memory(torch.device("meta")) is None
