"""Where the heads of a layer look from the position of the answer."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.models.model import Model
from workbench.prompts import Prompt


@torch.no_grad()
def attention_from_answer(model: Model, prompt: Prompt, layer: int) -> Float[Tensor, "head position"]:
    """The attention pattern's last row, of every head of a layer: weights over the prompt's positions, summing to one.

    Args:
        model: the model.
        prompt: the prompt, run unmasked up to that layer.
        layer: from 0.
    """
    found: list[Tensor] = []

    def keep(pattern: Tensor, hook: object) -> None:
        found.append(pattern[0, :, -1])

    token_ids = torch.tensor([prompt.token_ids], device=model.hooked.W_E.device)
    with model.hooked.hooks(fwd_hooks=[(f"blocks.{layer}.attn.hook_pattern", keep)]):
        model.hooked(token_ids, attention_mask=torch.ones_like(token_ids), stop_at_layer=layer + 1)
    return found[0].to("cpu")
