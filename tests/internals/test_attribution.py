"""Direct logit attribution: parts that add up to the model's logit, and TransformerLens's own attribution."""

from __future__ import annotations

import pytest
import torch

from workbench.internals.attribution import AttributionError, attributions, softcap_of


def answer_logits(model, prompt):
    """By the model's own forward pass, of the prompt alone."""
    return model.hooked(torch.tensor([prompt.token_ids]))[0, -1]


def total(found):
    return found.embedding + found.attention.sum(1) + found.feed_forward.sum(1) + found.final_bias


def test_parts_add_up_to_the_logit_on_every_architecture(tiny_model, tiny_prompts, tiny_architectures):
    for architecture in tiny_architectures:
        model = tiny_model(architecture, torch.float64)
        prompts = tiny_prompts(model, count=2)
        found = attributions(model, prompts, "none")
        assert torch.allclose(found.heads.sum(-1) + found.attention_bias, found.attention)
        logits = torch.stack([answer_logits(model, prompt)[prompt.reference_ids[0]] for prompt in prompts])
        cap = softcap_of(model)
        summed = total(found) if cap == 0 else cap * torch.tanh(total(found) / cap)
        assert (summed - logits).abs().max() < 1e-9, architecture
        assert (cap > 0) == (architecture == "gemma-2")
        # Random biases everywhere: a part that is always zero would have been forgotten.
        if architecture in ("gpt2", "opt", "gpt-neox", "bloom", "starcoder2"):
            assert found.attention_bias.abs().min() > 0
            assert found.feed_forward_bias.abs().min() > 0
            assert found.final_bias.abs().min() > 0


@pytest.mark.parametrize("architecture", ["llama-gqa", "gpt2"])
def test_heads_and_feed_forwards_are_as_transformer_lens_attributes_them(tiny_model, tiny_prompts, architecture):
    """It leaves out the weight of the final normalisation, which it expects to be folded: here it is one."""
    model = tiny_model(architecture, torch.float64)
    model.hooked.ln_final.w.fill_(1.0)
    if hasattr(model.hooked.ln_final, "b"):
        model.hooked.ln_final.b.zero_()
    (prompt,) = tiny_prompts(model, count=1)
    logits, cache = model.hooked.run_with_cache(torch.tensor([prompt.token_ids]))
    answer = prompt.reference_ids[0]
    rest = logits[0, -1].clone()
    rest[answer] = float("-inf")
    tokens = {"tokens": torch.tensor([answer]), "incorrect_tokens": rest.argmax().reshape(1), "pos_slice": -1}
    found = attributions(model, [prompt], "runner-up")
    heads = cache.logit_attrs(cache.stack_head_results(pos_slice=-1), **tokens)[:, 0]
    assert torch.allclose(found.heads[0].flatten(), heads)
    written = torch.stack([cache["mlp_out", layer][:, -1] for layer in range(model.n_layers)])
    assert torch.allclose(found.feed_forward[0], cache.logit_attrs(written, **tokens)[:, 0])


def test_every_contrast_is_the_difference_that_it_says(tiny_model, tiny_prompts):
    model = tiny_model("opt", torch.float64)
    prompts = tiny_prompts(model, count=3)
    for number, prompt in enumerate(prompts):
        logits = answer_logits(model, prompt)
        answer = logits[prompt.reference_ids[0]]
        others = logits.clone()
        others[prompt.reference_ids[0]] = float("-inf")
        expected = {
            "none": answer,
            "mean": answer - logits.mean(),
            "runner-up": answer - others.max(),
            "copied": answer - logits[prompt.token_ids[prompt.positions("query.source")[0]]],
        }
        for contrast, logit in expected.items():
            found = attributions(model, prompts, contrast)
            assert found.logit[number] == pytest.approx(float(logit), abs=1e-9)
            assert total(found)[number] == pytest.approx(float(logit), abs=1e-9)


def test_a_head_without_an_output_adds_nothing(tiny_model, tiny_prompts):
    model = tiny_model("gemma-2", torch.float64)
    model.hooked.blocks[2].attn.W_O[1].zero_()
    found = attributions(model, tiny_prompts(model))
    assert found.heads[:, 2, 1].abs().max() == 0
    assert found.heads[:, 2, 0].abs().min() > 0


def test_something_that_writes_and_is_not_counted_is_a_fault(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    model.hooked.blocks[1].hook_resid_post.add_hook(lambda residual, hook: residual + 1)
    with pytest.raises(AttributionError, match="another logit than its own"):
        attributions(model, tiny_prompts(model))
