"""Gates on heads' outputs, before the output projection: as hooks while they are learned, in the weights afterwards."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import UserError
from workbench.interventions.edits import HOOKS
from workbench.interventions.faults import InterventionError
from workbench.models.model import Model


@contextmanager
def gates_on(model: Model, gates: Float[Tensor, "layer head"]) -> Iterator[None]:
    """Inside, every head's output is multiplied by its gate; gradients reach the gates.

    Raises:
        InterventionError: on leaving, if a layer was never run.
    """
    ran: set[int] = set()

    def multiply(z: Float[Tensor, "batch position head d_head"], hook: Any) -> Tensor:
        ran.add(hook.layer())
        return z * gates[hook.layer()].to(z).unsqueeze(-1)

    hooks: list[tuple[str | Callable[..., Any], Callable[..., Any]]] = [
        (f"blocks.{layer}.{HOOKS['z']}", multiply) for layer in range(model.n_layers)
    ]
    with model.hooked.hooks(fwd_hooks=hooks):
        yield
    if len(ran) < model.n_layers:
        missed = ", ".join(str(layer) for layer in range(model.n_layers) if layer not in ran)
        raise InterventionError(f"Gates: the hooks at layers {missed} never ran.")


def gated_model(base: Model, gates: Float[Tensor, "layer head"]) -> Model:
    """The model with its gates in the output projections, measured like any other; it shares all other weights with `base`.

    Raises:
        UserError: the gates are not those of the model's heads, or not between 0 and 1.
    """
    shape = (base.n_layers, base.n_heads)
    if tuple(gates.shape) != shape:
        raise UserError(
            f"Gates of shape {tuple(gates.shape)} do not fit {base.name}, which has {shape[0]} layers of {shape[1]} heads."
        )
    if not bool(((gates >= 0) & (gates <= 1)).all()):
        raise UserError("Gates lie between 0 and 1; these do not all.")
    # What the copy remembers as copied already is shared.
    shared = {id(tensor): tensor for tensor in (*base.hooked.parameters(), *base.hooked.buffers())}
    hooked = copy.deepcopy(base.hooked, shared)
    for layer, block in enumerate(hooked.blocks):
        attention: Any = block.attn
        scaled = attention.W_O * gates[layer].to(attention.W_O)[:, None, None]
        attention.W_O = torch.nn.Parameter(scaled, requires_grad=False)
    digest = hashlib.sha256(base.digest.encode() + gates.double().cpu().numpy().tobytes())
    return replace(base, hooked=hooked, digest=digest.hexdigest(), source=f"{base.source} with gates")
