"""A gate at 0 is a head removed, a gate at 1 leaves it: exactly, as hooks and in the weights."""

from __future__ import annotations

import pytest
import torch

from workbench.errors import UserError
from workbench.gates.gated import gated_model, gates_on
from workbench.interventions import Clean, HeadAblation
from workbench.interventions.faults import InterventionError
from workbench.sweep import reference, sweep

IDS = torch.randint(3, 300, (3, 17), generator=torch.Generator().manual_seed(0))
HEADS = frozenset({(0, 1), (2, 3), (2, 0)})


@pytest.fixture(params=["llama-gqa", "gpt2"])
def model(request, tiny_model):
    return tiny_model(request.param, torch.float64)


def gates_of(model, value, heads=HEADS):
    gates = torch.ones(model.n_layers, model.n_heads, dtype=torch.float64)
    for layer, head in heads:
        gates[layer, head] = value
    return gates


def test_gates_at_zero_are_the_ablation_of_these_heads(model, tiny_prompts):
    prompts = tiny_prompts(model)
    ablated = reference.sweep(model, prompts, [HeadAblation(HEADS)])
    gated = gated_model(model, gates_of(model, 0.0))
    for engine in ("reference", "fast"):
        found = sweep(gated, prompts, [Clean()], engine_name=engine)
        assert [each.token_ids for each in found] == [each.token_ids for each in ablated]
    exact = reference.sweep(gated, prompts, [Clean()])
    assert [each.log_probabilities for each in exact] == [each.log_probabilities for each in ablated]


def test_hooks_and_weights_are_the_same_gates(model):
    for value, limit in ((0.0, 0.0), (0.3, 1e-12)):
        gates = gates_of(model, value)
        with gates_on(model, gates):
            hooked = model.hooked(IDS)
        assert float((hooked - gated_model(model, gates).hooked(IDS)).abs().max()) <= limit
        assert float((hooked - model.hooked(IDS)).abs().max()) > 1e-3


def test_gates_at_one_change_nothing(model):
    ones = gates_of(model, 1.0)
    before = model.hooked(IDS)
    assert torch.equal(gated_model(model, ones).hooked(IDS), before)
    with gates_on(model, ones):
        assert torch.equal(model.hooked(IDS), before)


def test_the_model_itself_stays_and_shares_what_has_no_gate(model):
    before = model.hooked.blocks[0].attn.W_O.clone()
    gated = gated_model(model, gates_of(model, 0.5))
    assert torch.equal(model.hooked.blocks[0].attn.W_O, before)
    assert gated.hooked.blocks[0].attn.W_Q is model.hooked.blocks[0].attn.W_Q
    assert gated.hooked.W_E.data_ptr() == model.hooked.W_E.data_ptr()
    assert not gated.hooked.blocks[0].attn.W_O.requires_grad
    assert gated.digest != model.digest
    assert gated_model(model, gates_of(model, 0.4)).digest != gated.digest


def test_gates_that_do_not_fit(model):
    with pytest.raises(UserError, match=r"Gates of shape \(4, 3\) do not fit .*4 layers of 4 heads"):
        gated_model(model, torch.ones(4, 3, dtype=torch.float64))
    with pytest.raises(UserError, match="between 0 and 1"):
        gated_model(model, gates_of(model, 1.5))


def test_gates_that_never_acted_are_a_fault(model):
    with pytest.raises(InterventionError, match="layers 2, 3 never ran"), gates_on(model, gates_of(model, 0.5)):
        model.hooked(IDS, stop_at_layer=2)
