"""Attention by segment: Hugging Face's own weights, on every architecture, summed by hand."""

from __future__ import annotations

import pytest
import torch
import transformers

from workbench.errors import UserError
from workbench.internals.attention_mass import (
    KINDS,
    PUNCTUATION,
    AttentionError,
    attention_masses,
    columns,
    kinds_of,
    number_of_examples,
    passage_from,
)
from workbench.internals.residual_streams import Passage
from workbench.lenses.token_labels import token_label
from workbench.prompts import Prompt


def by_hand(prompt: Prompt, weights: list[float], kind: str) -> float:
    """The weights on one kind of segment, token by token."""
    selector = "bos" if kind == "bos" else kind
    return sum(weights[position] for position in prompt.positions(selector))


def test_shares_are_those_of_hugging_face_on_every_architecture(
    tiny_model, tiny_checkpoint, tiny_prompts, tiny_architectures
):
    for architecture in tiny_architectures:
        model = tiny_model(architecture)
        theirs = transformers.AutoModelForCausalLM.from_pretrained(
            tiny_checkpoint(architecture), attn_implementation="eager"
        ).eval()
        prompts = tiny_prompts(model, count=2)
        shares = attention_masses(model, [passage_from(prompt, "answer") for prompt in prompts]).shares
        for number, prompt in enumerate(prompts):
            with torch.no_grad():
                attentions = theirs(torch.tensor([prompt.token_ids]), output_attentions=True).attentions
            for layer in range(model.n_layers):
                for head in range(model.n_heads):
                    weights = attentions[layer][0, head, -1].tolist()
                    expected = [by_hand(prompt, weights, kind) for kind in KINDS[:-1]]
                    found = shares[number, layer, head, : len(KINDS) - 1].tolist()
                    assert found == pytest.approx(expected, abs=1e-5), (architecture, layer, head)


@pytest.fixture(scope="module")
def model(tiny_model):
    return tiny_model("llama", torch.float64)


def pattern_of(model, token_ids):
    _, cache = model.hooked.run_with_cache(torch.tensor([token_ids]))
    return torch.stack([cache["pattern", layer][0] for layer in range(model.n_layers)])


@pytest.mark.parametrize("place", ["query.source", "examples.target", "reference"])
def test_a_place_is_the_mean_of_its_positions(model, tiny_prompts, place):
    prompts = tiny_prompts(model, count=3)
    passages = [passage_from(prompt, place) for prompt in prompts]
    shares = attention_masses(model, passages).shares
    at = {name: column for column, name in enumerate(columns(2))}
    for number, passage in enumerate(passages):
        pattern = pattern_of(model, passage.token_ids)[:, :, list(passage.positions)].mean(2)
        for name in ("examples.0.source", "examples.1.target"):
            expected = pattern[..., list(passage.prompt.positions(name))].sum(-1)
            assert torch.allclose(shares[number, ..., at[name]], expected)
        generated = pattern[..., len(passage.prompt.token_ids) :].sum(-1)
        assert torch.allclose(shares[number, ..., at["completion"]], generated)
        assert ("completion" in kinds_of(passage)) == (place == "reference")
    if place == "reference":
        assert shares[..., at["completion"]].max() > 0


def test_parts_add_up_and_punctuation_lies_in_them(model, tiny_prompts):
    prompts = tiny_prompts(model, count=2)
    found = attention_masses(model, [Passage.of(prompt) for prompt in prompts])
    at = {name: column for column, name in enumerate(columns(number_of_examples(prompts[0])))}
    assert torch.allclose(found.shares[..., : len(KINDS)].sum(-1), torch.ones(2, 4, 4, dtype=torch.float64))
    both = sum(found.shares[..., at[f"examples.{example}.target"]] for example in range(2))
    assert torch.allclose(both, found.shares[..., at["examples.target"]])
    assert torch.allclose(found.first, pattern_of(model, prompts[0].token_ids)[:, :, -1])
    marks = [p for p, token in enumerate(prompts[0].token_ids) if not any(map(str.isalnum, token_label(model, token)))]
    assert marks
    assert torch.allclose(found.shares[0, ..., at[PUNCTUATION]], found.first[..., marks].sum(-1))


def test_no_examples_no_context(model, tiny_prompts):
    (prompt,) = tiny_prompts(model, examples=0, instructions=False, count=1)
    assert number_of_examples(prompt) == 0
    found = attention_masses(model, [Passage.of(prompt)])
    assert found.shares[..., 1:5].sum() == 0
    with pytest.raises(UserError, match=r"no examples\.target to look from"):
        passage_from(prompt, "examples.target")


def test_weights_that_do_not_add_up_are_a_fault(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    model.hooked.blocks[2].attn.hook_pattern.add_hook(lambda pattern, hook: 1.01 * pattern)
    with pytest.raises(AttentionError, match=r"differs from 1 by 0\.01"):
        attention_masses(model, [Passage.of(prompt) for prompt in tiny_prompts(model)])
