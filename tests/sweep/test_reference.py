from __future__ import annotations

import pytest
import torch

from workbench.interventions import Clean, ContextMask
from workbench.sweep.reference import sweep

ARCHITECTURES = ("llama", "llama-gqa", "gpt2", "gpt-neo")


def conditions(model):
    masks = [ContextMask.named(name, layer) for name in ("TTF", "FTF", "FFT", "mask_all") for layer in (0, 2, 3)]
    zeroed = ContextMask.named("TTF", 1, renormalise=False)
    return [*masks, zeroed, Clean(), ContextMask.named("TTF", model.n_layers)]


def naive_logits(model, token_ids, prompt, condition):
    """Logits of a whole sequence, unpadded and without a cache, the mask written out as its definition reads."""
    layers = condition.first_layer(model.n_layers)
    length = len(token_ids)
    blocked = torch.zeros(length, length, dtype=torch.bool)
    if isinstance(condition, ContextMask):
        hidden = list(prompt.positions(*condition.hidden))
        if "completion" in condition.hidden:
            hidden += range(len(prompt.token_ids), length)
        blocked[:, hidden] = True
        blocked &= ~torch.eye(length, dtype=torch.bool)

    def scores(tensor, hook):
        return tensor.masked_fill(blocked, float("-inf"))

    def pattern(tensor, hook):
        return tensor.masked_fill(blocked, 0.0)

    renormalise = getattr(condition, "renormalise", True)
    kind, function = ("hook_attn_scores", scores) if renormalise else ("hook_pattern", pattern)
    hooks = [(f"blocks.{layer}.attn.{kind}", function) for layer in range(layers, model.n_layers)]
    ids = torch.tensor([token_ids])
    return model.hooked.run_with_hooks(ids, attention_mask=torch.ones_like(ids), fwd_hooks=hooks)[0]


@torch.inference_mode()
def naive(model, prompt, condition):
    """Completion, log-probabilities and divergence by the definition, one whole forward pass for every token."""
    tokens = []
    while len(tokens) < prompt.max_new_tokens:
        logits = naive_logits(model, [*prompt.token_ids, *tokens], prompt, condition)
        tokens.append(int(logits[-1].argmax()))
        text = model.decode(tokens)
        if tokens[-1] in model.eos or any(stop in text for stop in prompt.stop):
            break
    joint = naive_logits(model, [*prompt.token_ids, *prompt.reference_ids], prompt, condition).log_softmax(-1)
    start = len(prompt.token_ids) - 1
    log_probabilities = [float(joint[start + n, token]) for n, token in enumerate(prompt.reference_ids)]
    clean = naive_logits(model, prompt.token_ids, prompt, Clean())[-1].log_softmax(-1)
    divergence = float((clean.exp() * (clean - joint[start])).sum())
    return tuple(tokens), log_probabilities, divergence


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_equals_the_definition_without_padding_and_cache(tiny_model, tiny_prompts, architecture):
    model = tiny_model(architecture, torch.float64)
    prompts = tiny_prompts(model, count=4)
    chosen = conditions(model)
    outcomes = iter(sweep(model, prompts, chosen, batch_size=3))
    different = set()
    for prompt in prompts:
        for index, condition in enumerate(chosen):
            outcome = next(outcomes)
            tokens, log_probabilities, divergence = naive(model, prompt, condition)
            assert (outcome.prompt, outcome.condition) == (prompt.name, index)
            assert outcome.token_ids == tokens
            assert outcome.log_probabilities == pytest.approx(log_probabilities, abs=1e-6)
            assert outcome.divergence == pytest.approx(divergence, abs=1e-6)
            different.add(outcome.token_ids)
    assert len(different) > len(prompts), "the masks did nothing"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_batch_size_changes_nothing(tiny_model, tiny_prompts, architecture):
    model = tiny_model(architecture, torch.float64)
    prompts = tiny_prompts(model, count=5)
    chosen = [Clean(), ContextMask.named("TTF", 1), ContextMask.named("FTF", 3)]
    alone = sweep(model, prompts, chosen, batch_size=1)
    for batch_size in (2, 5, 17):
        together = sweep(model, prompts, chosen, batch_size=batch_size)
        assert [o.token_ids for o in together] == [o.token_ids for o in alone]
        for one, other in zip(together, alone, strict=True):
            assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-6)


def test_clean_and_never_masked_are_the_same_run(tiny_model, tiny_prompts):
    model = tiny_model("gpt2", torch.float64)
    prompts = tiny_prompts(model)
    outcomes = sweep(model, prompts, [Clean(), ContextMask.named("TTF", model.n_layers)])
    for clean, never in zip(outcomes[::2], outcomes[1::2], strict=True):
        assert clean.token_ids == never.token_ids
        assert clean.log_probabilities == never.log_probabilities
        assert clean.divergence == never.divergence == 0


def test_margins_and_stop_reasons(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    prompts = tiny_prompts(model, count=5, max_new_tokens=4)
    for outcome in sweep(model, prompts, [Clean()]):
        assert len(outcome.margins) == len(outcome.token_ids) <= 4
        assert min(outcome.margins) >= 0
        assert (outcome.stopped == "length") == (len(outcome.token_ids) == 4 and "\n" not in outcome.text)


def test_progress_counts_every_prompt_and_condition(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    done = []
    sweep(
        model,
        tiny_prompts(model, count=5),
        [Clean(), ContextMask.named("TTF", 0)],
        batch_size=2,
        progress=done.append,
    )
    assert sum(done) == 10


def test_hooks_are_gone_afterwards(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    sweep(model, tiny_prompts(model), [ContextMask.named("TTF", 0)])
    assert all(not point.fwd_hooks for point in model.hooked.hook_dict.values())
