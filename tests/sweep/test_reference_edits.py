"""The plain reference under removals, ablations and patches, against what they are said to do."""

from __future__ import annotations

import pytest
import torch

from workbench.errors import UserError
from workbench.interventions import AttentionRemoval, Clean, HeadAblation, OwnHooks, Patch, Payload
from workbench.interventions.positions import selected_positions, selects_completion
from workbench.sweep.reference import sweep

SITES = {"resid_pre": "hook_resid_pre", "attn_out": "hook_attn_out", "mlp_out": "hook_mlp_out", "z": "attn.hook_z"}


def written_over(there, edit, prompt, positions):
    """One unpadded sequence, one position and head after the other, as the definition reads."""
    out = there.clone()
    for number, position in enumerate(positions):
        if edit.values is None:
            value = None
        else:
            values = edit.values[edit.prompts.index(prompt.name)] if edit.prompts else edit.values
            site_axes = 2 if edit.site == "z" else 1
            value = values if values.ndim == site_axes else values[number]
        for place, head in enumerate(range(there.shape[2]) if edit.heads is None else edit.heads):
            where = (0, position, head) if edit.site == "z" else (0, position)
            new = torch.zeros_like(there[where]) if value is None else (value[place] if edit.site == "z" else value)
            out[where] = there[where] + new if edit.added else new
            if edit.site != "z":
                break
    return out


def naive_logits(model, token_ids, prompt, condition):
    """Logits of a whole sequence, unpadded and without a cache."""
    positions = list(selected_positions(prompt, condition.positions))
    if selects_completion(condition.positions):
        positions += range(len(prompt.token_ids), len(token_ids))
    hooks = []
    for edit in condition.edits():

        def write(there, hook, edit=edit):
            return written_over(there, edit, prompt, positions)

        hooks.append((f"blocks.{edit.layer}.{SITES[edit.site]}", write))
    ids = torch.tensor([token_ids])
    return model.hooked.run_with_hooks(ids, attention_mask=torch.ones_like(ids), fwd_hooks=hooks)[0]


@pytest.mark.parametrize(
    "architecture",
    ["llama-gqa", *(pytest.param(name, marks=pytest.mark.long) for name in ("gpt2", "gpt-neox", "gemma-2", "olmo-2"))],
)
@torch.inference_mode()
def test_equals_the_definition_without_padding_and_cache(tiny_model, tiny_prompts, editing_conditions, architecture):
    model = tiny_model(architecture, torch.float64)
    prompts = tiny_prompts(model, count=3)
    chosen = editing_conditions(model, prompts, by_prompt=True)
    outcomes = iter(sweep(model, prompts, [*chosen, Clean()], batch_size=3))
    for prompt in prompts:
        of_prompt = [next(outcomes) for _ in range(len(chosen) + 1)]
        clean = of_prompt[-1]
        for condition, outcome in zip(chosen, of_prompt, strict=False):
            joint = naive_logits(model, [*prompt.token_ids, *prompt.reference_ids], prompt, condition).log_softmax(-1)
            start = len(prompt.token_ids) - 1
            expected = [float(joint[start + n, token]) for n, token in enumerate(prompt.reference_ids)]
            # TransformerLens keeps its rotary tables in float32, and shifts them by the padding.
            assert outcome.log_probabilities == pytest.approx(expected, abs=1e-6), condition.name
            completed = naive_logits(model, [*prompt.token_ids, *outcome.token_ids[:-1]], prompt, condition)
            assert tuple(completed[start:].argmax(-1).tolist()) == outcome.token_ids, condition.name
            assert outcome.log_probabilities != pytest.approx(clean.log_probabilities, abs=1e-6), condition.name


def test_padding_and_batches_change_nothing(tiny_model, tiny_prompts, editing_conditions):
    model = tiny_model("gpt2", torch.float64)
    prompts = tiny_prompts(model, count=5)
    chosen = editing_conditions(model, prompts)[::4]
    alone = sweep(model, prompts, chosen, batch_size=1)
    for one, other in zip(sweep(model, prompts, chosen, batch_size=17), alone, strict=True):
        assert one.token_ids == other.token_ids
        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-9)


def test_removed_attention_leaves_the_residual_stream_and_the_feed_forward(tiny_model, tiny_prompts):
    """Attention whose output weights are zero is attention removed."""
    model = tiny_model("gpt2", torch.float64)
    prompts = tiny_prompts(model)
    removed = sweep(model, prompts, [AttentionRemoval((2,))])
    model.hooked.blocks[2].attn.W_O.zero_()
    model.hooked.blocks[2].attn.b_O.zero_()
    for one, other in zip(removed, sweep(model, prompts, [Clean()]), strict=True):
        assert one.token_ids == other.token_ids
        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-9)


def test_an_ablated_head_leaves_the_output_bias(tiny_model, tiny_prompts):
    """A head whose output weights are zero is a head ablated."""
    model = tiny_model("gpt2", torch.float64)
    prompts = tiny_prompts(model)
    removed = sweep(model, prompts, [HeadAblation({(1, 3)})])
    model.hooked.blocks[1].attn.W_O[3].zero_()
    for one, other in zip(removed, sweep(model, prompts, [Clean()]), strict=True):
        assert one.token_ids == other.token_ids
        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-9)


@torch.inference_mode()
def test_a_patch_of_what_was_there_changes_nothing(tiny_model, tiny_prompts):
    model = tiny_model("llama", torch.float64)
    prompt = tiny_prompts(model, count=1)[0]
    ids = torch.tensor([prompt.token_ids])
    _, cache = model.hooked.run_with_cache(ids, attention_mask=torch.ones_like(ids))
    there = Payload(cache["blocks.2.hook_resid_pre"][0])
    every = ("bos", "instructions", "examples", "query")
    same, other = sweep(model, [prompt], [Patch("resid_pre", 2, every, there), AttentionRemoval((2,))])
    assert same.divergence == pytest.approx(0, abs=1e-12)
    assert other.divergence > 1e-6


def test_hooks_of_ones_own(tiny_model, tiny_prompts):
    model = tiny_model("llama-gqa", torch.float64)
    prompts = tiny_prompts(model, count=4)

    def nothing(there, hook):
        return torch.zeros_like(there)

    mine, theirs = OwnHooks("mine", (("blocks.2.hook_attn_out", nothing),)), AttentionRemoval((2,))
    outcomes = sweep(model, prompts, [mine, theirs])
    for one, other in zip(outcomes[::2], outcomes[1::2], strict=True):
        assert one.token_ids == other.token_ids
        assert one.log_probabilities == other.log_probabilities
    with pytest.raises(UserError, match=r"blocks\.2\.hook_none"):
        sweep(model, prompts, [OwnHooks("mine", (("blocks.2.hook_none", nothing),))])
    assert all(not point.fwd_hooks for point in model.hooked.hook_dict.values())
