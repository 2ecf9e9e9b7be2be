from __future__ import annotations

import pytest
import torch
import transformers

from workbench.errors import UserError
from workbench.interventions import ContextMask, ContextMaskHooks, InterventionError
from workbench.interventions.conditions import MASK_NAMES

ARCHITECTURES = ("llama", "llama-gqa", "gpt2", "gpt-neo")


def padded(prompts):
    width = max(len(prompt.token_ids) for prompt in prompts)
    ids = torch.zeros(len(prompts), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt.token_ids) :] = torch.tensor(prompt.token_ids)
        mask[row, width - len(prompt.token_ids) :] = 1
    return ids, mask


def run(model, prompts, mask):
    ids, attention_mask = padded(prompts)
    hooks = ContextMaskHooks(mask, prompts, model.n_layers, ids.device)
    with torch.inference_mode(), model.hooked.hooks(fwd_hooks=hooks.hooks()):
        logits = model.hooked(ids, attention_mask=attention_mask)
    hooks.verify()
    return logits


def attention_modules(hugging_face):
    if hasattr(hugging_face, "model"):
        return [layer.self_attn for layer in hugging_face.model.layers]
    return [getattr(block.attn, "attention", block.attn) for block in hugging_face.transformer.h]


def hugging_face_logits(folder, prompts, hidden_segments, from_layer):
    """The original model with its 4-D additive mask edited from a layer on, written without the workbench's hooks."""
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, attn_implementation="eager", dtype=torch.float64
    ).eval()
    ids, real = padded(prompts)
    width = ids.shape[1]
    least = torch.finfo(torch.float64).min
    causal = torch.ones(width, width, dtype=torch.bool).tril()
    visible = causal & real.bool()[:, None, :]
    # A row of padding sees itself, so that it has something to see.
    visible |= torch.eye(width, dtype=torch.bool)
    edited = visible.clone()
    for row, prompt in enumerate(prompts):
        for position in prompt.positions(*hidden_segments):
            column = position + width - len(prompt.token_ids)
            edited[row, :, column] = False
            edited[row, column, column] = True
    zero, minus = torch.zeros((), dtype=torch.float64), torch.full((), least, dtype=torch.float64)
    clean_mask, edited_mask = (torch.where(each, zero, minus)[:, None] for each in (visible, edited))

    def edit(module, args, kwargs):
        assert "attention_mask" in kwargs
        return args, {**kwargs, "attention_mask": edited_mask}

    for layer, module in enumerate(attention_modules(model)):
        if layer >= from_layer:
            module.register_forward_pre_hook(edit, with_kwargs=True)
    positions = (real.cumsum(-1) - 1).clamp(min=0)
    with torch.inference_mode():
        return model(ids, attention_mask=clean_mask, position_ids=positions, use_cache=False).logits, real.bool()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", ["TTF", "FTF", "FFT", "TTT"])
def test_equals_hugging_face_with_an_edited_mask_at_every_layer(
    tiny_model, tiny_checkpoint, tiny_prompts, architecture, name
):
    model = tiny_model(architecture, torch.float64)
    prompts = tiny_prompts(model)
    for from_layer in range(model.n_layers):
        mask = ContextMask.named(name, from_layer)
        ours = run(model, prompts, mask)
        theirs, real = hugging_face_logits(tiny_checkpoint(architecture), prompts, mask.hidden, from_layer)
        # Hugging Face itself computes parts in float32, so float64 does not agree beyond that.
        assert (ours - theirs)[real].abs().max() < 1e-5


def logits_and_z(model, prompts, mask, layer, disturbed, positions, scale):
    """Logits, and head outputs of one layer, with an activation at some positions of that layer multiplied."""
    ids, attention_mask = padded(prompts)
    seen = []

    def disturb(activation, hook):
        changed = activation.clone()
        changed[:, positions] *= scale
        return changed

    hooks = ContextMaskHooks(mask, prompts, model.n_layers, ids.device)
    look = (f"blocks.{layer}.attn.hook_z", lambda z, hook: seen.append(z))
    with (
        torch.inference_mode(),
        model.hooked.hooks(fwd_hooks=[(f"blocks.{layer}.{disturbed}", disturb), *hooks.hooks(), look]),
    ):
        return model.hooked(ids, attention_mask=attention_mask), seen[0]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("selector", ["examples", "examples.target", "examples.0.source"])
def test_hidden_positions_leak_exactly_nothing(tiny_model, tiny_prompts, architecture, selector):
    """Whatever stands at the hidden positions at `from_layer`, later logits stay the same to the last bit."""
    model = tiny_model(architecture, torch.float64)
    prompts = tiny_prompts(model, count=1)
    hidden = torch.tensor(prompts[0].positions(selector))
    later = list(range(int(hidden.max()) + 1, len(prompts[0].token_ids)))
    for from_layer in range(model.n_layers):
        mask = ContextMask((selector,), from_layer, selector)
        one, other = (
            logits_and_z(model, prompts, mask, from_layer, "hook_resid_pre", hidden, scale)[0] for scale in (1.0, -3.0)
        )
        assert torch.equal(one[:, later], other[:, later])
        assert not torch.equal(one[:, hidden], other[:, hidden])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_without_renormalisation_hidden_values_are_not_read(tiny_model, tiny_prompts, architecture):
    """Hidden keys still take their share of the attention, so here only their values are hidden."""
    model = tiny_model(architecture, torch.float64)
    prompts = tiny_prompts(model, count=1)
    hidden = torch.tensor(prompts[0].positions("examples"))
    later = list(range(int(hidden.max()) + 1, len(prompts[0].token_ids)))
    for layer in range(model.n_layers):
        mask = ContextMask.named("FTF", layer, renormalise=False)
        one, other = (
            logits_and_z(model, prompts, mask, layer, "attn.hook_v", hidden, scale)[1] for scale in (1.0, -3.0)
        )
        assert torch.equal(one[:, later], other[:, later])
        assert not torch.equal(one[:, hidden], other[:, hidden])


def test_without_the_mask_the_same_disturbance_shows(tiny_model, tiny_prompts):
    model = tiny_model("llama", torch.float64)
    prompts = tiny_prompts(model, count=1)
    ids, _ = padded(prompts)
    other = ids.clone()
    other[0, list(prompts[0].positions("examples"))] = 5
    with torch.inference_mode():
        assert not torch.equal(model.hooked(ids)[:, -1], model.hooked(other)[:, -1])


@pytest.mark.parametrize("name", MASK_NAMES)
def test_every_mask_changes_the_answer_and_leaves_the_model_as_it_was(tiny_model, tiny_prompts, name):
    model = tiny_model("llama", torch.float64)
    prompts = tiny_prompts(model)
    ids, attention_mask = padded(prompts)
    with torch.inference_mode():
        before = model.hooked(ids, attention_mask=attention_mask)
    masked = run(model, prompts, ContextMask.named(name, 1))
    with torch.inference_mode():
        after = model.hooked(ids, attention_mask=attention_mask)
    assert torch.equal(before, after)
    assert torch.equal(before[:, -1], masked[:, -1]) == (name == "FFF")


def test_mask_all_makes_every_position_a_model_of_its_own_token(tiny_model, tiny_prompts):
    """Each token sees itself only, so with rotary positions the answer depends on the last token alone."""
    model = tiny_model("llama", torch.float64)
    prompts = tiny_prompts(model)
    masked = run(model, prompts, ContextMask.named("mask_all", 0))
    last = torch.tensor([[prompt.token_ids[-1]] for prompt in prompts])
    with torch.inference_mode():
        alone = model.hooked(last, attention_mask=torch.ones_like(last))
    torch.testing.assert_close(masked[:, -1], alone[:, -1], atol=1e-9, rtol=0)


def test_attention_left_is_renormalised_or_not(tiny_model, tiny_prompts):
    model = tiny_model("llama-gqa", torch.float64)
    prompts = tiny_prompts(model, count=1)
    ids, attention_mask = padded(prompts)
    examples = list(prompts[0].positions("examples"))
    sums = {}
    for renormalise in (True, False):
        mask = ContextMask.named("FTF", 2, renormalise=renormalise)
        hooks = ContextMaskHooks(mask, prompts, model.n_layers, ids.device)
        seen = []
        look = ("blocks.2.attn.hook_pattern", lambda pattern, hook, seen=seen: seen.append(pattern))
        with torch.inference_mode(), model.hooked.hooks(fwd_hooks=[*hooks.hooks(), look]):
            model.hooked(ids, attention_mask=attention_mask)
        last = seen[0][0, :, -1]
        assert (last[:, examples] == 0).all()
        sums[renormalise] = last.sum(-1)
    torch.testing.assert_close(sums[True], torch.ones_like(sums[True]))
    assert (sums[False] < 0.999).all()


def test_a_row_that_loses_every_key_reads_nothing(tiny_model, tiny_prompts):
    model = tiny_model("llama", torch.float64)
    prompts = tiny_prompts(model, count=1)
    mask = ContextMask(("bos", "instructions", "examples", "query"), 0, "all", sees_itself=False)
    ids, attention_mask = padded(prompts)
    hooks = ContextMaskHooks(mask, prompts, model.n_layers, ids.device)
    seen = []
    look = ("blocks.0.attn.hook_z", lambda z, hook: seen.append(z))
    with torch.inference_mode(), model.hooked.hooks(fwd_hooks=[*hooks.hooks(), look]):
        logits = model.hooked(ids, attention_mask=attention_mask)
    assert (seen[0] == 0).all()
    assert torch.isfinite(logits).all()


def test_a_hook_that_never_ran_is_an_error(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    hooks = ContextMaskHooks(ContextMask.named("TTF", 2), tiny_prompts(model), model.n_layers, torch.device("cpu"))
    with pytest.raises(InterventionError, match="layer 2 never ran"):
        hooks.verify()


def test_attention_left_as_it_was_is_an_error(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    prompts = tiny_prompts(model, count=1)
    ids, attention_mask = padded(prompts)
    hooks = ContextMaskHooks(ContextMask.named("TTF", 2), prompts, model.n_layers, ids.device)
    hooks.hidden = torch.zeros_like(hooks.hidden)
    with torch.inference_mode(), model.hooked.hooks(fwd_hooks=hooks.hooks()):
        model.hooked(ids, attention_mask=attention_mask)
    with pytest.raises(InterventionError, match=r"layer 2 came out unchanged.*instructions, examples"):
        hooks.verify()


def test_nothing_to_hide_is_refused_only_if_every_segment_is_empty(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    device = torch.device("cpu")
    no_examples = tiny_prompts(model, examples=0)
    ContextMaskHooks(ContextMask.named("TTF", 2), no_examples, model.n_layers, device)
    with pytest.raises(UserError, match=r"FTF hides examples.*none of them"):
        ContextMaskHooks(ContextMask.named("FTF", 2), no_examples, model.n_layers, device)
    ContextMaskHooks(ContextMask.named("FFF", 2), no_examples, model.n_layers, device)
