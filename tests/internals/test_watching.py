"""Looking at activations while texts are read: each once, as if every text were read alone."""

from __future__ import annotations

import pytest
import torch

from workbench.internals.residual_streams import Passage
from workbench.internals.watching import wanted_rows, watch
from workbench.interventions import InterventionError


def test_each_text_is_as_if_alone(tiny_model, tiny_prompts):
    model = tiny_model("gpt-neo", torch.float64)
    passages = [Passage(prompt, (0, len(prompt.token_ids) - 1)) for prompt in tiny_prompts(model, count=3)]
    assert len({len(passage.token_ids) for passage in passages}) > 1
    seen = {}
    residual = watch(
        model,
        [passage.token_ids for passage in passages],
        {name: lambda there, name=name: seen.update({name: there}) for name in ("blocks.1.hook_attn_out",)},
    )
    rows = wanted_rows(seen["blocks.1.hook_attn_out"], passages).split(2)
    for number, passage in enumerate(passages):
        logits, cache = model.hooked.run_with_cache(torch.tensor([passage.token_ids]))
        expected = cache["attn_out", 1][0, list(passage.positions)]
        assert torch.allclose(rows[number], expected)
        own = model.logits(residual[number : number + 1, : len(passage.token_ids)])
        assert torch.allclose(own, logits)


def test_a_hook_that_is_not_there_or_does_not_run_is_a_fault(tiny_model):
    model = tiny_model("llama")
    with pytest.raises(InterventionError, match=r"no hook blocks\.9\.hook_resid_pre"):
        watch(model, [[3, 4]], {"blocks.9.hook_resid_pre": lambda there: None})
    with pytest.raises(InterventionError, match=r"ln_final\.hook_scale .* did not run once"):
        watch(model, [[3, 4]], {"ln_final.hook_scale": lambda there: None})
