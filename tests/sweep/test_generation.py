from __future__ import annotations

import math

import pytest
import torch

from workbench.interventions import Clean, ContextMask
from workbench.sweep import engine, reference
from workbench.sweep.attention import layers_of
from workbench.sweep.context import Context
from workbench.sweep.generation import generate, key_value_bytes
from workbench.sweep.plan import Counts, Plan
from workbench.sweep.rows import prefix_length

ARCHITECTURES = ("llama", "llama-gqa", "gpt2", "gpt-neo")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("layer", [0, 1, 3, 4, None])
def test_completions_are_those_of_the_mask(tiny_model, tiny_prompts, architecture, layer):
    model = tiny_model(architecture, torch.float64)
    prompts = tiny_prompts(model, count=4)
    condition = Clean() if layer is None else ContextMask.named("TTF", layer)
    expected = reference.sweep(model, prompts, [condition])
    for one, other in zip(expected, generate(model, prompts, context_until=layer), strict=True):
        assert one.token_ids == other.token_ids
        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-9)
        assert math.isnan(other.divergence)


@pytest.mark.parametrize("layer", [0, 1, 3])
def test_context_is_not_computed_above_the_layer(tiny_model, tiny_prompts, layer):
    """Only BOS, which stays visible, goes up with the query: one position of the context for each layer above."""
    from dataclasses import replace

    model = tiny_model("llama", torch.float64)
    prompts = [replace(p, reference_ids=p.reference_ids[:1]) for p in tiny_prompts(model, count=3, max_new_tokens=1)]
    counts = engine.Counts()
    generate(model, prompts, context_until=layer, counts=counts)
    prefix = prefix_length(prompts)
    own = sum(len(prompt.token_ids) - prefix for prompt in prompts)
    assert counts.layer_tokens == prefix * layer + (model.n_layers - layer) + own * model.n_layers


def test_context_is_not_stored_above_the_layer(tiny_model, tiny_prompts):
    model = tiny_model("llama", torch.float64)
    prompts = tiny_prompts(model)
    kept = {}
    for layer in (1, 4):
        plan = Plan(model, layers_of(model.hooked), prompts, [ContextMask.named("TTF", layer)], Counts(), False)
        kept[layer] = [key.shape[-1] for key, _ in Context(plan)._clean]
    prefix = prefix_length(prompts)
    assert kept == {1: [prefix, 1, 1, 1], 4: [prefix] * 4}


def own_contexts(model, tiny_prompts, **settings):
    """Prompts whose contexts differ, in length too, so that nothing but BOS is shared."""
    several = [tiny_prompts(model, examples=k, instructions=k != 3, count=3, **settings) for k in (1, 2, 3)]
    return [prompts[number] for number, prompts in enumerate(several)]


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, "bloom", "gemma-2", "gpt-neox", "opt"])
@pytest.mark.parametrize("layers", [(0,), (1,), (3,), (1, 3)])
def test_contexts_of_their_own_are_dropped_too(tiny_model, tiny_prompts, architecture, layers):
    model = tiny_model(architecture, torch.float64)
    prompts = own_contexts(model, tiny_prompts)
    conditions = [ContextMask.named("TTF", layer) for layer in layers]
    expected = reference.sweep(model, prompts, conditions)
    for batch_size in (1, 3):
        found = engine.sweep(model, prompts, conditions, batch_size=batch_size, compare=False)
        for one, other in zip(expected, found, strict=True):
            assert one.token_ids == other.token_ids
            assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-9)


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
@pytest.mark.parametrize(
    "mask",
    [
        ContextMask.named("TTF", 2, renormalise=False),
        *(ContextMask.named(name, 2) for name in ("FTF", "TTT", "FFT", "mask_all")),
    ],
    ids=str,
)
def test_only_what_nothing_reads_is_dropped(tiny_model, tiny_prompts, architecture, mask):
    model = tiny_model(architecture, torch.float64)
    prompts = own_contexts(model, tiny_prompts)
    expected = reference.sweep(model, prompts, [mask])
    for one, other in zip(expected, engine.sweep(model, prompts, [mask], compare=False), strict=True):
        assert one.token_ids == other.token_ids
        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-9)


def test_contexts_of_their_own_cost_nothing_above_the_layer(tiny_model, tiny_prompts):
    """Counted for queries of one length: above the layer the queries alone are read, and BOS once."""
    from dataclasses import replace

    model = tiny_model("llama", torch.float64)
    several = [tiny_prompts(model, examples=k, count=1, max_new_tokens=1)[0] for k in (1, 2, 3)]
    prompts = [replace(prompt, reference_ids=prompt.reference_ids[:1]) for prompt in several]
    prefix = prefix_length(prompts)
    lengths = [len(prompt.token_ids) for prompt in prompts]
    behind = {length - min(prompt.positions("query")) for length, prompt in zip(lengths, prompts, strict=True)}
    assert len(set(lengths)) == 3
    assert len(behind) == 1, "contexts differ, the query does not"
    counts = engine.Counts()
    generate(model, prompts, context_until=2, counts=counts)
    below = 2 * (prefix + sum(length - prefix for length in lengths))
    assert counts.layer_tokens == below + (model.n_layers - 2) * (1 + 3 * behind.pop())


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, "bloom"])
@pytest.mark.parametrize("name", ["TTF", "FTF", "TFF", "FFT", "mask_all"])
def test_a_prompt_alone_is_read_in_one_go(tiny_model, tiny_prompts, architecture, name):
    """What is hidden lies in the middle, behind BOS or the instructions, and is left out there."""
    from dataclasses import replace

    model = tiny_model(architecture, torch.float64)
    prompt = tiny_prompts(model, count=1)[0]
    mask = ContextMask.named(name, 2)
    expected = reference.sweep(model, [prompt], [mask])[0]
    found = engine.sweep(model, [prompt], [mask], compare=False)[0]
    assert found.token_ids == expected.token_ids
    assert found.log_probabilities == pytest.approx(expected.log_probabilities, abs=1e-9)
    short, counts = replace(prompt, reference_ids=prompt.reference_ids[:1], max_new_tokens=1), engine.Counts()
    engine.sweep(model, [short], [mask], compare=False, counts=counts)
    # The last token goes on whatever is hidden, since the answer is read off there; `mask_all` hides BOS as well.
    last = len(prompt.token_ids) - 1
    unread = set(range(last)) if name == "mask_all" else set(prompt.positions(*mask.hidden)) - {last}
    assert counts.layer_tokens == 4 * len(prompt.token_ids) - 2 * len(unread)


def test_keys_and_values_of_a_prompt_alone_are_those_that_it_stores(tiny_model, tiny_prompts):
    model = tiny_model("llama", torch.float64)
    prompt = tiny_prompts(model, count=1)[0]
    column = 2 * model.hooked.cfg.n_heads * model.hooked.cfg.d_head * 8
    hidden = len(prompt.positions("instructions", "examples"))
    assert key_value_bytes(model, prompt) == 4 * len(prompt.token_ids) * column
    assert key_value_bytes(model, prompt, context_until=1) == (4 * len(prompt.token_ids) - 3 * hidden) * column


def test_a_model_without_bos_keeps_nothing(tiny_model, tiny_prompts):
    model = tiny_model("gpt2", torch.float64)
    prompts = tiny_prompts(model)
    expected = reference.sweep(model, prompts, [ContextMask.named("TTF", 0)])
    got = generate(model, prompts, context_until=0)
    assert [outcome.token_ids for outcome in expected] == [outcome.token_ids for outcome in got]
