"""The fast sweep under removals, ablations and patches, against the reference."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.interventions import (
    ANSWERING,
    EVERYWHERE,
    AttentionRemoval,
    Clean,
    ContextMask,
    FeedForwardRemoval,
    HeadAblation,
    InterventionError,
    OwnHooks,
    Patch,
    Payload,
)
from workbench.sweep import engine, reference
from workbench.sweep.rows import prefix_length


def same(model, prompts, conditions, *, batch_size=32, tolerance=1e-9):
    """Both engines on the same input; returns how many outcomes are not the clean run's."""
    slow = reference.sweep(model, prompts, conditions, batch_size=batch_size)
    fast = engine.sweep(model, prompts, conditions, batch_size=batch_size)
    for one, other in zip(slow, fast, strict=True):
        about = getattr(conditions[one.condition], "name", "")
        assert (one.prompt, one.condition) == (other.prompt, other.condition)
        assert one.token_ids == other.token_ids, about
        assert (one.text, one.stopped) == (other.text, other.stopped)
        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=tolerance), about
        assert one.divergence == pytest.approx(other.divergence, abs=tolerance), about
        assert one.margins == pytest.approx(other.margins, abs=tolerance), about
    return sum(outcome.divergence > tolerance for outcome in slow)


@pytest.mark.parametrize(
    "architecture",
    ["llama-gqa", *(pytest.param(name, marks=pytest.mark.long) for name in ("gpt-neox", "gemma-2", "bloom"))],
)
def test_every_kind_of_condition(tiny_model, tiny_prompts, editing_conditions, architecture):
    model = tiny_model(architecture, torch.float64)
    prompts = tiny_prompts(model, count=3, max_new_tokens=3)
    conditions = editing_conditions(model, prompts)
    mixed = [ContextMask.named("TTF", 1), ContextMask.named("TFF", 1), Clean(), *conditions]
    assert same(model, prompts, mixed) > 2 * len(prompts) * len(conditions) // 3


def test_on_every_architecture(tiny_model, tiny_prompts, editing_conditions, tiny_architectures):
    for number, architecture in enumerate(tiny_architectures):
        model = tiny_model(architecture, torch.float64)
        prompts = tiny_prompts(model, count=2, max_new_tokens=2)
        assert same(model, prompts, editing_conditions(model, prompts)[number % 7 :: 7]) > len(prompts)


@pytest.mark.parametrize("batch_size", [1, 3, 17])
def test_batches(tiny_model, tiny_prompts, batch_size):
    model = tiny_model("mistral", torch.float64)
    prompts = tiny_prompts(model, count=5, max_new_tokens=3)
    names = tuple(prompt.name for prompt in prompts)
    generator = torch.Generator().manual_seed(0)
    drawn = Payload(torch.randn(len(names), 1, 8, generator=generator, dtype=torch.float64), names)
    conditions = [
        AttentionRemoval((2,)),
        FeedForwardRemoval((1,), ANSWERING),
        HeadAblation({(1, 1)}, "resample", ("examples.target", "completion"), drawn),
        HeadAblation({(0, 2), (3, 0)}),
    ]
    same(model, prompts, conditions, batch_size=batch_size)


def test_no_examples_and_no_instructions(tiny_model, tiny_prompts):
    model = tiny_model("gpt2", torch.float64)
    conditions = [AttentionRemoval((1,)), HeadAblation({(0, 0)}, positions=ANSWERING)]
    for shape in ({"examples": 0}, {"instructions": False}, {"examples": 0, "instructions": False}):
        same(model, tiny_prompts(model, **shape), conditions)


def test_rows_stop_at_different_steps(tiny_model, tiny_prompts):
    model = tiny_model("llama", torch.float64)
    prompts = [replace(prompt, stop=("e", "a", "\n"), max_new_tokens=12) for prompt in tiny_prompts(model, count=5)]
    conditions = [HeadAblation({(layer, head)}, positions=ANSWERING) for layer in (0, 2) for head in range(4)]
    lengths = {len(outcome.token_ids) for outcome in engine.sweep(model, prompts, conditions)}
    assert len(lengths) > 3
    same(model, prompts, [*conditions, AttentionRemoval((1,)), Clean()])


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_edit_at_any_positions(tiny_model, tiny_prompts, data):
    model = tiny_model(data.draw(st.sampled_from(["llama-gqa", "gpt-neo", "bloom"])), torch.float64)
    prompts = tiny_prompts(model, count=data.draw(st.integers(1, 3)), max_new_tokens=3)
    places = st.sets(
        st.sampled_from(
            ["bos", "instructions", "examples.1", "examples.source", "query.source", "answer", "completion"]
        )
    )
    layers = st.sets(st.integers(0, 3), min_size=1).map(lambda layers: tuple(sorted(layers)))
    conditions = []
    for _ in range(data.draw(st.integers(1, 4))):
        positions = ("query", *data.draw(places))
        kind = data.draw(st.sampled_from([AttentionRemoval, FeedForwardRemoval, HeadAblation, Patch]))
        if kind is HeadAblation:
            heads = data.draw(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1))
            conditions.append(HeadAblation(heads, positions=positions))
        elif kind is Patch:
            site = data.draw(st.sampled_from(["resid_pre", "attn_out", "mlp_out"]))
            values = Payload(torch.linspace(-1, 1, 32, dtype=torch.float64))
            conditions.append(
                Patch(site, data.draw(st.integers(0, 3)), positions, values, added=data.draw(st.booleans()))
            )
        else:
            conditions.append(kind(data.draw(layers), positions))
    same(model, prompts, conditions)


def test_float32_within_its_precision(tiny_model, tiny_prompts, editing_conditions):
    model = tiny_model("qwen3")
    prompts = tiny_prompts(model, count=2)
    conditions = editing_conditions(model, prompts)[::3]
    slow = reference.sweep(model, prompts, conditions)
    for one, other in zip(slow, engine.sweep(model, prompts, conditions), strict=True):
        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-4)
        parts = next((n for n, (a, b) in enumerate(zip(one.token_ids, other.token_ids, strict=False)) if a != b), None)
        assert parts is None or one.margins[parts] < 1e-4


@pytest.mark.parametrize(("positions", "branches"), [(ANSWERING, False), (EVERYWHERE, True), (("examples",), True)])
def test_layer_tokens_are_as_the_algorithm_says(tiny_model, tiny_prompts, positions, branches):
    """The context branches off only where a condition writes there; from the first position it writes at."""
    model = tiny_model("llama", torch.float64)
    prompts = [
        replace(prompt, reference_ids=prompt.reference_ids[:1])
        for prompt in tiny_prompts(model, count=4, max_new_tokens=1)
    ]
    layers = model.n_layers
    counts = engine.Counts()
    conditions = [HeadAblation({(layer, 0)}, positions=positions) for layer in range(layers)]
    engine.sweep(model, prompts, conditions, counts=counts)
    prefix = prefix_length(prompts)
    own = sum(len(prompt.token_ids) - prefix for prompt in prompts)
    above = layers * (layers + 1) // 2
    expected = prefix * layers + own * (layers + above)
    if branches:
        expected += (prefix - conditions[0].first_position(prompts[0])) * above
    assert counts.layer_tokens == expected


def test_a_payload_for_each_prompt_keeps_its_positions_apart(tiny_model, tiny_prompts):
    model = tiny_model("gpt2", torch.float64)
    prompts = tiny_prompts(model, count=3)
    names = tuple(prompt.name for prompt in prompts)
    values = Payload(torch.arange(3.0, dtype=torch.float64).view(3, 1).expand(3, 32) / 3, names)
    same(model, prompts, [Patch("resid_pre", 1, ("examples.1.target",), values), Clean(), ContextMask.named("TTF", 2)])


def test_a_removal_that_found_nothing_is_a_fault(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    model.hooked.blocks[2].attn.W_V.zero_()
    for run in (engine.sweep, reference.sweep):
        with pytest.raises(InterventionError, match=r"layer 2 .*nothing but zeros"):
            run(model, tiny_prompts(model), [HeadAblation({(2, 0)}, positions=ANSWERING)])
        with pytest.raises(InterventionError, match=r"layer 2 .*nothing but zeros"):
            run(model, tiny_prompts(model), [HeadAblation({(1, 0), (2, 0)}, positions=("completion",))])


def test_what_does_not_fit_is_refused(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    prompts = tiny_prompts(model, examples=0)
    for condition, message in (
        (AttentionRemoval((4,)), "4 layers"),
        (FeedForwardRemoval((1,), ("examples",)), "none of them"),
        (OwnHooks("mine", (("hook_embed", lambda there, hook: None),)), "use the reference"),
    ):
        with pytest.raises(UserError, match=message):
            engine.sweep(model, prompts, [condition])
