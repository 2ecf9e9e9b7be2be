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
