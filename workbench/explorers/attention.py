"""Where heads look from the position of the answer."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.models.model import Model
from workbench.prompts import Prompt


@torch.no_grad()
def attention_from_answer(model: Model, prompt: Prompt) -> Float[Tensor, "layer head position"]:
    """The attention pattern's last row, of every head: weights over the prompt's positions, summing to one.

    The prompt is run once, unmasked.
    """
    found: list[Tensor] = []

    def keep(pattern: Tensor, hook: object) -> None:
        found.append(pattern[0, :, -1])

    token_ids = torch.tensor([prompt.token_ids], device=model.hooked.W_E.device)
    hooks: list[Any] = [(f"blocks.{layer}.attn.hook_pattern", keep) for layer in range(model.n_layers)]
    with model.hooked.hooks(fwd_hooks=hooks):
        model.hooked(token_ids, attention_mask=torch.ones_like(token_ids), stop_at_layer=model.n_layers)
    return torch.stack([pattern.to("cpu") for pattern in found])
