"""The loss that gates learn from: cross-entropy of the targets, what all rows of a batch begin with being read once."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.learning.examples import Batch, cross_entropy
from workbench.models.model import Model


def target_loss(model: Model, batch: Batch) -> tuple[Float[Tensor, ""], int]:
    """Cross-entropy summed over the tokens that count, in nats, and their number.

    The instruction and the examples that the rows share go through the model once; their keys and values serve every row.
    """
    batch = batch.to(model.hooked.W_E.device)
    shared = shared_columns(batch)
    residual = _read(model, batch, shared) if shared else _read_all(model, batch)
    return cross_entropy(model.logits(residual[:, :-1][batch.counted[:, shared + 1 :]]), batch)


def plain_target_loss(model: Model, batch: Batch) -> tuple[Float[Tensor, ""], int]:
    """The same without sharing anything: what `target_loss` is tested against."""
    batch = batch.to(model.hooked.W_E.device)
    return cross_entropy(model.logits(_read_all(model, batch)[:, :-1][batch.counted[:, 1:]]), batch)


def shared_columns(batch: Batch) -> int:
    """How many tokens all rows begin with alike, short of the last one before a token that counts; 0 for a single row."""
    if len(batch.token_ids) == 1:
        return 0
    alike = (batch.token_ids == batch.token_ids[:1]).all(0) & batch.real.all(0)
    alike[-1] = False
    before_counted = int(batch.counted.any(0).int().argmax()) - 1
    return max(0, min(int(alike.int().argmin()), before_counted))


def _read_all(model: Model, batch: Batch) -> Float[Tensor, "row position d_model"]:
    """The residual stream after the last layer."""
    hooked = model.hooked
    residual: Tensor = hooked(
        batch.token_ids, attention_mask=batch.real.long(), stop_at_layer=hooked.cfg.n_layers, return_type=None
    )
    return residual


def _read(model: Model, batch: Batch, shared: int) -> Float[Tensor, "row position d_model"]:
    """The same from position `shared` on."""
    hooked, rows = model.hooked, len(batch.token_ids)
    cache = model.new_cache(1)
    first = batch.token_ids[:1, :shared]
    hooked(first, attention_mask=torch.ones_like(first), past_kv_cache=cache, stop_at_layer=hooked.cfg.n_layers)
    for entry in cache.entries:
        entry.past_keys = entry.past_keys.expand(rows, -1, -1, -1)
        entry.past_values = entry.past_values.expand(rows, -1, -1, -1)
    cache.previous_attention_mask = cache.previous_attention_mask.expand(rows, -1)
    residual: Tensor = hooked(
        batch.token_ids[:, shared:],
        attention_mask=batch.real[:, shared:].long(),
        past_kv_cache=cache,
        stop_at_layer=hooked.cfg.n_layers,
    )
    return residual
