"""Induction scores, against the paper's definition written out in loops."""

from __future__ import annotations

import pytest
import torch

from workbench.errors import UserError
from workbench.internals.induction import RandomTexts, copying, even_attention, prefix_matching, random_texts
from workbench.random_streams import stream


def streams(count):
    return [stream(0, "test", number) for number in range(count)]


@pytest.mark.parametrize(("architecture", "start"), [("llama", 1), ("gpt2", 0)])
def test_texts_are_as_described(tiny_model, architecture, start):
    texts = random_texts(tiny_model(architecture), 7, 3, streams(2))
    assert texts.start == start
    assert texts.repeated.shape == texts.unrepeated.shape == (2, 21 + start)
    for row in texts.repeated[:, start:]:
        assert row[:7].tolist() == row[7:14].tolist() == row[14:].tolist()
        assert len(set(row.tolist())) == 7
    for row in texts.unrepeated[:, start:]:
        assert len(set(row.tolist())) == 21
    assert texts.repeated[0].tolist() != texts.repeated[1].tolist()


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_both_scores_by_their_definitions(tiny_model, architecture):
    model = tiny_model(architecture, torch.float64)
    texts = random_texts(model, 5, 3, streams(2))
    matching, copied = prefix_matching(model, texts), copying(model, texts)
    for number in range(2):
        _, cache = model.hooked.run_with_cache(texts.repeated[number : number + 1])
        tokens = texts.unrepeated[number]
        _, other = model.hooked.run_with_cache(tokens.unsqueeze(0))
        for layer, head in ((0, 1), (2, 3), (3, 0)):
            pattern = cache["pattern", layer][0, head]
            assert float(matching[number, layer, head]) == pytest.approx(matched_by_hand(pattern, texts, number))
            z, weights = other["z", layer][0, :, head], other["pattern", layer][0, head]
            logits = z @ model.hooked.blocks[layer].attn.W_O[head] @ model.hooked.W_U
            assert float(copied[number, layer, head]) == pytest.approx(copied_by_hand(logits, weights, tokens))


def matched_by_hand(pattern, texts: RandomTexts, number: int) -> float:
    row, total, counted = texts.repeated[number].tolist(), 0.0, 0
    for query in range(texts.start + texts.length, len(row)):
        earlier = [key for key in range(texts.start, query) if row[key] == row[query]]
        total += sum(float(pattern[query, key + 1]) for key in earlier)
        counted += 1
    return total / counted


def copied_by_hand(logits, weights, tokens) -> float:
    shares = []
    for query in range(1, len(tokens)):
        values = logits[query].softmax(-1)[tokens[: query + 1]]
        raised = (values - values.mean()).clamp(min=0)
        shares.append(float(raised[weights[query, : query + 1].argmax()] / raised.sum()))
    return sum(shares) / len(shares)


def test_texts_that_cannot_be_are_refused(tiny_model):
    model = tiny_model("llama")
    with pytest.raises(UserError, match="reads 512"):
        random_texts(model, 200, 3, streams(1))
    with pytest.raises(UserError, match="to draw from"):
        random_texts(tiny_model("llama", max_position_embeddings=4096), 200, 3, streams(1))


def test_even_attention_scores_what_it_says(tiny_model):
    """Queries and keys of zero: every head looks at all positions alike."""
    model = tiny_model("gpt2", torch.float64)
    for block in model.hooked.blocks:
        for parameter in (block.attn.W_Q, block.attn.b_Q):
            parameter.zero_()
    texts = random_texts(model, 6, 4, streams(2))
    found = prefix_matching(model, texts)
    assert torch.allclose(found, torch.full_like(found, even_attention(texts)))
