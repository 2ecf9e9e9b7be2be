"""Residual streams: as Hugging Face has them, and under masks as the definition has them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import transformers

from workbench.errors import UserError
from workbench.internals.residual_streams import Passage, residual_streams
from workbench.interventions import Clean, ContextMask, ContextMaskHooks, InterventionError

MASKS = ("TTF", "TFF", "FTF", "FFT", "mask_all")


def naive(model, passage, mask):
    """Streams of one passage, unpadded, nothing shared, the mask written out as its definition reads."""
    ids = torch.tensor([passage.token_ids])
    length = ids.shape[1]
    blocked = torch.zeros(length, length, dtype=torch.bool)
    blocked[:, list(passage.prompt.positions(*mask.hidden))] = True
    if "completion" in mask.hidden:
        blocked[:, len(passage.prompt.token_ids) :] = True
    blocked &= ~torch.eye(length, dtype=torch.bool)

    def hide(scores, hook):
        return scores.masked_fill(blocked, float("-inf"))

    found = []
    hooks = [(f"blocks.{layer}.attn.hook_attn_scores", hide) for layer in range(mask.from_layer, model.n_layers)]
    hooks += [(f"blocks.{n}.hook_resid_pre", lambda t, hook: found.append(t)) for n in range(model.n_layers)]
    with model.hooked.hooks(fwd_hooks=hooks), torch.no_grad():
        last = model.hooked(ids, attention_mask=torch.ones_like(ids), stop_at_layer=model.n_layers)
    return torch.cat([*found, last])[:, list(passage.positions)]


@pytest.mark.parametrize("positions", ["answer", "all"])
@pytest.mark.parametrize("architecture", ["llama-gqa", "gpt-neo", "bloom", "gemma-2"])
def test_masks_equal_the_definition(tiny_model, tiny_prompts, architecture, positions):
    model = tiny_model(architecture, torch.float64)
    passages = [Passage.of(prompt, positions) for prompt in tiny_prompts(model, count=3)]
    conditions = [ContextMask.named(name, layer) for name in MASKS for layer in (0, 2)]
    different = set()
    for index, streams in residual_streams(model, passages, conditions):
        expected = torch.cat([naive(model, passage, conditions[index]) for passage in passages], dim=1)
        # A row that loses every key is zero in one way of computing and padding in another; nobody reads it.
        torch.testing.assert_close(streams, expected, atol=1e-9, rtol=0)
        different.add(round(float(streams.sum()), 6))
    assert len(different) == len(conditions), "two masks did the same"


def test_streams_equal_hugging_face(tiny_checkpoint, tiny_model, tiny_prompts, tiny_architectures):
    for architecture in tiny_architectures:
        model = tiny_model(architecture)
        theirs = transformers.AutoModelForCausalLM.from_pretrained(
            tiny_checkpoint(architecture), attn_implementation="eager", dtype=torch.float32
        ).eval()
        passages = [Passage.of(prompt, "all") for prompt in tiny_prompts(model, count=3)]
        ((_, streams),) = residual_streams(model, passages)
        with torch.no_grad():
            hidden = [theirs(torch.tensor([p.token_ids]), output_hidden_states=True).hidden_states for p in passages]
        expected = torch.cat([torch.stack(each)[:, 0] for each in hidden], dim=1)
        scale = expected.abs().amax(dim=(1, 2))
        # Theirs come normalised behind the last layer.
        ours = torch.cat([streams[:-1], model.hooked.ln_final(streams[-1:])])
        assert ((ours - expected).abs().amax(dim=(1, 2)) < 1e-5 * scale.clamp(min=1)).all(), architecture


def test_clean_and_never_come_first_and_are_the_same(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    passages = [Passage.of(prompt) for prompt in tiny_prompts(model)]
    conditions = [ContextMask.named("TTF", 1), Clean(), ContextMask.named("TTF", model.n_layers)]
    found = list(residual_streams(model, passages, conditions))
    assert [index for index, _ in found] == [1, 2, 0]
    assert found[0][1].shape == (model.n_layers + 1, len(passages), model.hooked.cfg.d_model)
    assert (found[0][1] == found[1][1]).all()
    assert (found[2][1][:2] == found[0][1][:2]).all(), "below its first layer a mask changes nothing"
    assert (found[2][1][2:] != found[0][1][2:]).any()
    assert all(not point.fwd_hooks for point in model.hooked.hook_dict.values())


def test_prompts_that_share_nothing(tiny_model, tiny_prompts):
    model = tiny_model("gpt2", torch.float64)
    one, other = tiny_prompts(model, count=2)
    swapped = replace(other, token_ids=(other.token_ids[0] + 1, *other.token_ids[1:]))
    passages = [Passage.of(one, "reference"), Passage.of(swapped, "reference")]
    ((_, together),) = residual_streams(model, passages)
    alone = [next(iter(residual_streams(model, [passage])))[1] for passage in passages]
    torch.testing.assert_close(together, torch.cat(alone, dim=1), atol=1e-12, rtol=0)


def test_a_mask_that_does_not_hide_is_a_fault(tiny_model, tiny_prompts, monkeypatch):
    model = tiny_model("llama")
    monkeypatch.setattr(ContextMaskHooks, "hooks", lambda self: [])
    with pytest.raises(InterventionError, match="never ran"):
        list(residual_streams(model, [Passage.of(p) for p in tiny_prompts(model)], [ContextMask.named("TTF", 0)]))


def test_which_positions(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    prompt = next(p for p in tiny_prompts(model, count=3) if len(p.reference_ids) > 1)
    length, reference = len(prompt.token_ids), len(prompt.reference_ids)
    answer, following, everything = (Passage.of(prompt, name) for name in ("answer", "reference", "all"))
    assert answer.positions == (length - 1,)
    assert answer.next_tokens() == prompt.reference_ids[:1]
    assert answer.continuation == ()
    assert following.positions == tuple(range(length - 1, length - 1 + reference))
    assert following.next_tokens() == prompt.reference_ids
    assert everything.positions == tuple(range(length - 1 + reference))
    assert everything.next_tokens()[: length - 1] == prompt.token_ids[1:]
    with pytest.raises(UserError, match="empty reference"):
        Passage.of(replace(prompt, reference_ids=()))
