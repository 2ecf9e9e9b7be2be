"""Reading once what rows share gives the loss, and the gradient of the gates, of reading every row by itself."""

from __future__ import annotations

import pytest
import torch

from workbench.gates.gated import gates_on
from workbench.gates.loss import plain_target_loss, shared_columns, target_loss
from workbench.learning.examples import Batch, batch_of, examples_of


def batch_for(model, task, shown):
    items = list(task.test)
    return batch_of(examples_of(model, task, items, format="instr_task", shown=[shown] * len(items)))


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bloom", "gpt-neo", "mistral", "gemma-2"])
def test_the_shared_context_is_read_once_without_a_difference(tiny_model, tiny_task, architecture):
    model = tiny_model(architecture, torch.float64)
    batch = batch_for(model, tiny_task, tiny_task.pool[:2])
    assert shared_columns(batch) > 8
    found = []
    for loss_of in (target_loss, plain_target_loss):
        gates = torch.linspace(0.2, 1.0, 16, dtype=torch.float64).view(4, 4).requires_grad_(True)
        with torch.enable_grad(), gates_on(model, gates):
            total, count = loss_of(model, batch)
            (gradient,) = torch.autograd.grad(total, gates)
        found.append((float(total.detach()), count, gradient))
    (fast, fast_count, fast_gradient), (plain, plain_count, plain_gradient) = found
    assert fast_count == plain_count == int(batch.counted.sum())
    assert fast == pytest.approx(plain, abs=1e-9)
    assert torch.allclose(fast_gradient, plain_gradient, atol=1e-9)
    assert float(plain_gradient.abs().min()) > 0


def test_what_rows_share_ends_before_what_counts():
    def batch(rows, counted_from):
        counted = torch.zeros(2, 5, dtype=torch.bool)
        counted[:, counted_from:] = True
        return Batch(torch.tensor(rows), torch.ones(2, 5, dtype=torch.bool), counted)

    assert shared_columns(batch([[1, 2, 3, 4, 5], [1, 2, 9, 4, 5]], 3)) == 2
    assert shared_columns(batch([[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]], 3)) == 2
    assert shared_columns(batch([[1, 2, 3, 4, 5], [9, 2, 3, 4, 5]], 3)) == 0
    alone = batch([[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]], 3)
    assert shared_columns(Batch(alone.token_ids[:1], alone.real[:1], alone.counted[:1])) == 0
