"""Outputs of attention heads, before the output projection, as other prompts have them: what ablations write instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import UserError
from workbench.interventions.edits import HOOKS
from workbench.interventions.positions import selected_positions
from workbench.models.model import Model
from workbench.prompts import Prompt


@torch.no_grad()
def mean_head_outputs(
    model: Model, prompts: Sequence[Prompt], positions: Sequence[str]
) -> Float[Tensor, "layer head d_head"]:
    """Mean over prompts and the selected positions of each. `completion` is read where the reference stands.

    Raises:
        UserError: none of the prompts has such a position.
    """
    summed, count = torch.zeros(model.n_layers, model.n_heads, model.hooked.cfg.d_head, dtype=torch.float64), 0
    for prompt in prompts:
        outputs = _outputs(model, prompt)
        chosen = list(selected_positions(prompt, positions))
        if "all" in positions or "completion" in positions:
            chosen += range(len(prompt.token_ids), outputs.shape[1])
        summed += outputs[:, chosen].double().sum(1).cpu()
        count += len(chosen)
    if not count:
        raise UserError(f"None of {len(prompts)} prompts has the positions {', '.join(positions)} to take a mean over.")
    return (summed / count).to(model.hooked.W_E)


@torch.no_grad()
def answer_head_outputs(model: Model, prompts: Sequence[Prompt]) -> Float[Tensor, "prompt layer head d_head"]:
    """Outputs at each prompt's last position, from which the first token of the answer is read."""
    return torch.stack([_outputs(model, prompt)[:, len(prompt.token_ids) - 1] for prompt in prompts])


def _outputs(model: Model, prompt: Prompt) -> Float[Tensor, "layer position head d_head"]:
    """Of the prompt and the reference behind it, alone and without padding."""
    kept: dict[int, Tensor] = {}

    def keep(activation: Tensor, hook: object, layer: int) -> None:
        kept[layer] = activation[0].detach()

    hooks: list[tuple[str | Callable[..., Any], Callable[..., Any]]] = [
        (f"blocks.{layer}.{HOOKS['z']}", lambda activation, hook, layer=layer: keep(activation, hook, layer))
        for layer in range(model.n_layers)
    ]
    token_ids = torch.tensor([prompt.token_ids + prompt.reference_ids], device=model.hooked.W_E.device)
    with model.hooked.hooks(fwd_hooks=hooks):
        model.hooked(token_ids, attention_mask=torch.ones_like(token_ids), return_type=None)
    return torch.stack([kept[layer].to(token_ids.device) for layer in range(model.n_layers)])
