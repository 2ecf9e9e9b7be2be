from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.interventions import AttentionRemoval, Clean, ContextMask, HeadAblation, OwnHooks
from workbench.interventions.conditions import MASK_NAMES
from workbench.models.load import load
from workbench.models.placement import spread
from workbench.sweep import chosen_engine, engine, reference, sweep
from workbench.sweep.rows import prefix_length

ARCHITECTURES = ("llama", "llama-gqa", "gpt2", "gpt-neo")
SELECTORS = (
    "bos",
    "instructions",
    "examples",
    "examples.target",
    "examples.source",
    "examples.0",
    "examples.1.delimiter",
    "query",
    "query.source",
    "completion",
)


def same(model, prompts, conditions, *, batch_size=32, tolerance=1e-9):
    """Both engines on the same input; returns the number of different completions, for a test to be sure of itself."""
    slow = reference.sweep(model, prompts, conditions, batch_size=batch_size)
    fast = engine.sweep(model, prompts, conditions, batch_size=batch_size)
    for one, other in zip(slow, fast, strict=True):
        assert (one.prompt, one.condition) == (other.prompt, other.condition)
        assert one.token_ids == other.token_ids
        assert (one.text, one.stopped) == (other.text, other.stopped)
        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=tolerance)
        assert one.divergence == pytest.approx(other.divergence, abs=tolerance)
        assert one.margins == pytest.approx(other.margins, abs=tolerance)
    return len({outcome.token_ids for outcome in slow})


def every_condition(model):
    masks = [
        ContextMask.named(name, layer, renormalise=renormalise)
        for name in MASK_NAMES
        for layer in (0, 1, 3)
        for renormalise in (True, False)
    ]
    segments = [ContextMask((selector,), 1, selector) for selector in SELECTORS if selector != "bos"]
    blind = ContextMask(("instructions", "query.source"), 2, "blind", sees_itself=False)
    no_bos = ContextMask.named("TTF", 1, keep_bos=False)
    return [*masks, *segments, blind, no_bos, Clean(), ContextMask.named("TTF", model.n_layers)]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_kind_of_condition(tiny_model, tiny_prompts, architecture):
    model = tiny_model(architecture, torch.float64)
    prompts = tiny_prompts(model, count=3)
    assert same(model, prompts, every_condition(model)) > 3 * len(prompts)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("batch_size", [1, 3, 17])
def test_batches(tiny_model, tiny_prompts, architecture, batch_size):
    model = tiny_model(architecture, torch.float64)
    conditions = [
        ContextMask.named("TTF", 2),
        Clean(),
        ContextMask.named("FTF", 0),
        ContextMask.named("TFF", 1),
    ]
    same(model, tiny_prompts(model, count=5), conditions, batch_size=batch_size)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_no_examples_and_no_instructions(tiny_model, tiny_prompts, architecture):
    model = tiny_model(architecture, torch.float64)
    with_instructions = tiny_prompts(model, examples=0)
    same(model, with_instructions, [ContextMask.named("TTF", 1), ContextMask.named("TFF", 3)])
    same(model, tiny_prompts(model, instructions=False), [ContextMask.named("TTF", 1), Clean()])
    same(model, tiny_prompts(model, examples=0, instructions=False), [ContextMask.named("FFT", 1), Clean()])


def test_prompts_that_share_nothing(tiny_model, tiny_prompts):
    model = tiny_model("gpt2", torch.float64)
    prompts = tiny_prompts(model, examples=1)[:1] + tiny_prompts(model, examples=2, instructions=False)[1:]
    same(model, prompts, [ContextMask.named("FTF", layer) for layer in range(4)])


def test_rows_stop_at_different_steps(tiny_model, tiny_prompts):
    """Every token may be a stop, so rows leave one after another while others go on."""
    model = tiny_model("llama", torch.float64)
    prompts = [replace(prompt, stop=("e", "a", "\n"), max_new_tokens=12) for prompt in tiny_prompts(model, count=5)]
    conditions = [ContextMask.named("TTF", layer) for layer in range(4)] + [Clean()]
    lengths = {len(outcome.token_ids) for outcome in engine.sweep(model, prompts, conditions)}
    assert len(lengths) > 3
    same(model, prompts, conditions)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_prompts_that_fill_the_window(tiny_model, tiny_prompts, architecture):
    """The longest prompt leaves room for two tokens, the others for more: each goes on to its own end."""
    size = {"max_position_embeddings": 64} if architecture != "gpt2" else {"n_positions": 64}
    roomy = tiny_prompts(tiny_model(architecture, torch.float64), count=5, max_new_tokens=12)
    longest = max(len(prompt.token_ids) for prompt in roomy)
    size = dict.fromkeys(size, longest + 2)
    model = tiny_model(architecture, torch.float64, **size)
    prompts = tiny_prompts(model, count=5, max_new_tokens=12)
    assert min(prompt.max_new_tokens for prompt in prompts) == 2
    assert max(prompt.max_new_tokens for prompt in prompts) > 2
    assert any(len(prompt.reference_ids) < prompt.reference_length for prompt in prompts)
    same(model, prompts, [ContextMask.named("TTF", layer) for layer in range(5)])


def test_a_completion_of_no_tokens(tiny_model, tiny_prompts):
    model = tiny_model("llama", torch.float64)
    same(model, tiny_prompts(model, max_new_tokens=1), [ContextMask.named("TTF", 1), Clean()])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_mask_on_any_layer(tiny_model, tiny_prompts, data):
    model = tiny_model(data.draw(st.sampled_from(ARCHITECTURES)), torch.float64)
    prompts = tiny_prompts(model, count=data.draw(st.integers(1, 4)), examples=2, max_new_tokens=4)
    conditions = [
        ContextMask(
            tuple(data.draw(st.sets(st.sampled_from(SELECTORS[1:]), min_size=1))),
            data.draw(st.integers(0, model.n_layers)),
            "any",
            renormalise=data.draw(st.booleans()),
            sees_itself=data.draw(st.sampled_from([True, True, True, False])),
        )
        for _ in range(data.draw(st.integers(1, 4)))
    ]
    same(model, prompts, conditions)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_float32_within_its_precision(tiny_model, tiny_prompts, architecture):
    model = tiny_model(architecture)
    prompts = tiny_prompts(model, count=4)
    conditions = [ContextMask.named("TTF", layer) for layer in range(4)]
    slow = reference.sweep(model, prompts, conditions)
    for one, other in zip(slow, engine.sweep(model, prompts, conditions), strict=True):
        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-4)
        parts = next((n for n, (a, b) in enumerate(zip(one.token_ids, other.token_ids, strict=False)) if a != b), None)
        assert parts is None or one.margins[parts] < 1e-4


@pytest.mark.parametrize(("name", "branches"), [("TTF", False), ("FTF", False), ("TFF", True)])
def test_layer_tokens_are_as_the_algorithm_says(tiny_model, tiny_prompts, name, branches):
    """One token is written and no reference read beyond the first, so only reading the prompts counts."""
    model = tiny_model("llama", torch.float64)
    prompts = [
        replace(prompt, reference_ids=prompt.reference_ids[:1])
        for prompt in tiny_prompts(model, count=4, max_new_tokens=1)
    ]
    layers = model.n_layers
    counts = engine.Counts()
    engine.sweep(model, prompts, [ContextMask.named(name, layer) for layer in range(layers)], counts=counts)
    prefix = prefix_length(prompts)
    own = sum(len(prompt.token_ids) - prefix for prompt in prompts)
    conditions = layers * (layers + 1) // 2
    expected = prefix * layers + own * (layers + conditions)
    if branches:
        examples = [position for position in prompts[0].positions("examples", "query") if position < prefix]
        expected += len(examples) * conditions
    assert counts.layer_tokens == expected


def test_agreeing_completions_share_the_trunk(tiny_model, tiny_prompts):
    """Attention that writes nothing above layer 0: masks from there on change nothing, so decoding is shared below them."""
    model = tiny_model("llama", torch.float64)
    for block in model.hooked.blocks[1:]:
        block.attn.W_O.zero_()
    prompts = [replace(prompt, reference_ids=prompt.reference_ids[:1]) for prompt in tiny_prompts(model, count=1)]
    conditions = [ContextMask.named("TTF", layer) for layer in range(1, 4)]
    counts = engine.Counts()
    outcomes = engine.sweep(model, prompts, conditions, counts=counts)
    # The clean run gives no text unless asked for, so the deepest trunk is that of the mask from layer 3.
    steps = {len(outcome.token_ids) for outcome in outcomes}
    assert len(steps) == 1
    branches, trunk = (4 - 1) + (4 - 2) + (4 - 3), 3
    reading = counts.layer_tokens - (steps.pop() - 1) * (branches + trunk)
    own = len(prompts[0].token_ids) - prefix_length(prompts)
    assert reading == prefix_length(prompts) * 4 + own * (4 + branches)


def test_the_engine_is_chosen_by_what_the_model_has(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    prompts = tiny_prompts(model, count=1, max_new_tokens=1)
    assert chosen_engine(model).engine == "fast"
    assert str(chosen_engine(model, "reference")) == "reference: asked for"
    mine = OwnHooks("mine", (("blocks.1.hook_resid_pre", lambda there, hook: 2 * there),))
    assert str(chosen_engine(model, conditions=[Clean(), mine])) == "reference: condition 'mine' is a hook of one's own"
    assert [outcome.engine for outcome in sweep(model, prompts, [Clean()])] == ["fast"]
    assert [outcome.engine for outcome in sweep(model, prompts, [Clean(), mine])] == ["reference", "reference"]
    model.hooked.cfg.use_attention_sinks = True
    assert str(chosen_engine(model)) == "reference: the fast sweep does not do use_attention_sinks"
    with pytest.raises(UserError, match="use_attention_sinks"):
        sweep(model, tiny_prompts(model), [Clean()], engine_name="fast")


@pytest.mark.parametrize("architecture", ["llama-gqa", "bloom"])
def test_a_model_on_several_devices(tiny_checkpoint, tiny_prompts, architecture):
    model = load(tiny_checkpoint(architecture), dtype=torch.float64, device="cpu:0,cpu:1")
    assert chosen_engine(model).engine == "fast"
    masks = [ContextMask.named("TTF", layer) for layer in range(4)]
    same(model, tiny_prompts(model), [*masks, ContextMask.named("TFF", 2), Clean(), AttentionRemoval((3,))])


def test_each_layer_works_where_it_is(tiny_model, tiny_prompts):
    """Layers 2 and 3 have shapes alone: they compute, and only their result cannot be brought back to the first device."""
    model = tiny_model("llama")
    spread(model.hooked, [torch.device("cpu"), torch.device("meta")])
    for name in ("TTF", "TFF", "FTF"):
        with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor"):
            engine.sweep(model, tiny_prompts(model), [ContextMask.named(name, 1), ContextMask.named(name, 3)])


def test_conditions_on_the_completion_alone_read_no_prompt(tiny_model, tiny_prompts):
    model = tiny_model("llama", torch.float64)
    prompts = [replace(p, reference_ids=p.reference_ids[:1]) for p in tiny_prompts(model, count=2, max_new_tokens=3)]
    conditions = [HeadAblation({(layer, 1)}, positions=("completion",)) for layer in range(4)]
    conditions.append(ContextMask(("completion",), 1, "completion"))
    counts = engine.Counts()
    same(model, prompts, conditions)
    engine.sweep(model, [replace(prompt, max_new_tokens=1) for prompt in prompts], conditions, counts=counts)
    prefix = prefix_length(prompts)
    assert counts.layer_tokens == (prefix + sum(len(prompt.token_ids) - prefix for prompt in prompts)) * 4


def test_what_is_read_with_the_reference_is_not_decoded_again(tiny_model, tiny_prompts):
    """The clean completion is the reference, but for the last token of one: nothing or one token is left to decode."""
    model = tiny_model("llama-gqa", torch.float64)
    prompts = tiny_prompts(model, count=3)
    written = [outcome.token_ids for outcome in reference.sweep(model, prompts, [Clean()])]
    assert min(map(len, written)) > 3
    ends = [(0, 0), (1, 3), (1, 5)]
    references = [
        ids if cut == 0 else (*ids[: len(ids) - cut], *ids[-1:]) for ids, (_, cut) in zip(written, ends, strict=True)
    ]
    prompts = [replace(prompt, reference_ids=ids) for prompt, ids in zip(prompts, references, strict=True)]
    counts = engine.Counts()
    engine.sweep(model, prompts[:1], [Clean()], counts=counts)
    assert counts.layer_tokens == (len(prompts[0].token_ids) + len(written[0]) - 1) * 4
    same(model, prompts, [Clean(), *(ContextMask.named("TTF", layer) for layer in range(4))])


def test_nothing_to_hide_is_refused(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    with pytest.raises(UserError, match="FTF hides examples"):
        engine.sweep(model, tiny_prompts(model, examples=0), [ContextMask.named("FTF", 1)])
