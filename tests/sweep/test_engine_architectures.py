"""The fast sweep on every architecture that loads, against the reference."""

from __future__ import annotations

import pytest
import torch

from workbench.interventions import Clean, ContextMask
from workbench.sweep import chosen_engine, engine, reference

ARCHITECTURES = (
    *("llama", "llama-gqa", "gpt2", "gpt-neo", "gpt-neox", "bloom", "opt", "gemma-2"),
    *("olmo", "olmo-2", "qwen2", "qwen3", "mistral", "starcoder2"),
)


def test_every_tiny_architecture_is_here(tiny_architectures):
    assert set(ARCHITECTURES) == set(tiny_architectures)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_same_as_the_reference(tiny_model, tiny_prompts, architecture):
    model = tiny_model(architecture, torch.float64)
    assert chosen_engine(model).engine == "fast"
    prompts = tiny_prompts(model, count=4, max_new_tokens=5)
    conditions = [
        *(ContextMask.named("TTF", layer) for layer in range(model.n_layers)),
        *(ContextMask.named(name, 1) for name in ("TFF", "FTF", "FFT", "mask_all")),
        ContextMask.named("FTF", 2, renormalise=False),
        Clean(),
    ]
    slow = reference.sweep(model, prompts, conditions, batch_size=4)
    fast = engine.sweep(model, prompts, conditions, batch_size=4)
    for one, other in zip(slow, fast, strict=True):
        assert one.token_ids == other.token_ids
        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-9)
        assert one.divergence == pytest.approx(other.divergence, abs=1e-9)
    assert len({round(outcome.divergence, 9) for outcome in slow}) > len(slow) / 2, "the masks did nothing"


@pytest.mark.parametrize(
    "architecture",
    [pytest.param(name, marks=() if name in ("llama-gqa", "gemma-2") else pytest.mark.long) for name in ARCHITECTURES],
)
def test_half_precision(tiny_model, tiny_prompts, architecture):
    """As near to the reference as 8 or 11 binary digits allow; tokens differ only where its two best ones were as near."""
    for dtype, tolerance in ((torch.bfloat16, 0.15), (torch.float16, 0.015)):
        model = tiny_model(architecture, dtype)
        prompts = tiny_prompts(model, count=2, max_new_tokens=4)
        conditions = [ContextMask.named("TTF", 1), Clean(), ContextMask.named("TFF", 2)]
        slow = reference.sweep(model, prompts, conditions)
        for one, other in zip(slow, engine.sweep(model, prompts, conditions), strict=True):
            assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=tolerance)
            pairs = enumerate(zip(one.token_ids, other.token_ids, strict=False))
            parts = next((place for place, (mine, its) in pairs if mine != its), None)
            assert parts is None or one.margins[parts] < tolerance
