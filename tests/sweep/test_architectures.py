"""The fast sweep on every architecture: it returns what the reference returns, or refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from workbench.errors import UserError
from workbench.interventions import Clean, ContextMask
from workbench.sweep import engine, reference

CONDITIONS = [Clean(), ContextMask.named("TTF", 1), ContextMask.named("FTF", 3)]
TINY = (
    *("llama", "llama-gqa", "gpt2", "gpt-neo", "gpt-neox", "bloom", "opt", "gemma-2", "olmo", "olmo-2"),
    *("qwen2", "qwen3", "mistral", "starcoder2"),
)
COMPUTED = ("llama", "llama-gqa", "gpt2", "gpt-neo", "opt", "qwen2", "mistral", "starcoder2")


@pytest.mark.parametrize("architecture", TINY)
def test_right_or_refused(
    tiny_model: Callable[..., Any], tiny_prompts: Callable[..., list[Any]], architecture: str
) -> None:
    model = tiny_model(architecture, torch.float64)
    prompts = tiny_prompts(model, count=2, max_new_tokens=3)
    try:
        fast = engine.sweep(model, prompts, CONDITIONS)
        refusal = ""
    except UserError as error:
        fast, refusal = [], str(error)
    if refusal:
        assert "use the reference" in refusal
        assert architecture not in COMPUTED
        return
    for ours, theirs in zip(fast, reference.sweep(model, prompts, CONDITIONS), strict=True):
        assert ours.token_ids == theirs.token_ids
        assert ours.divergence == pytest.approx(theirs.divergence, abs=1e-9)
        assert ours.log_probabilities == pytest.approx(theirs.log_probabilities, abs=1e-9)
