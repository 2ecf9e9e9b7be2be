"""What a model computes inside, looked at while whole texts are read in one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.internals.residual_streams import Passage, side_by_side
from workbench.interventions import InterventionError
from workbench.models.model import Model


@torch.no_grad()
def watch(
    model: Model, texts: Sequence[Sequence[int]], watchers: Mapping[str, Callable[[Tensor], object]]
) -> Float[Tensor, "text position d_model"]:
    """Read texts together, padded on the right, and hand every activation asked for to its watcher.

    Args:
        model: the model.
        texts: token ids; padding is not looked at by any of them.
        watchers: functions by the names of hooks; each gets the activation of all texts, once, and must not change it.

    Returns:
        The residual stream after the last layer.

    Raises:
        InterventionError: a hook is not there or did not run once.
    """
    seen = dict.fromkeys(watchers, 0)

    def hook(name: str) -> Callable[..., None]:
        def see(activation: Tensor, hook: object) -> None:
            seen[name] += 1
            watchers[name](activation)

        return see

    missing = sorted(set(watchers) - set(model.hooked.hook_dict))
    if missing:
        raise InterventionError(f"{model.name} has no hook {', '.join(missing)}.")
    token_ids, mask = (each.to(model.hooked.W_E.device) for each in side_by_side(texts))
    hooks: list[tuple[str | Callable[..., Any], Callable[..., Any]]] = [(name, hook(name)) for name in watchers]
    with model.hooked.hooks(fwd_hooks=hooks):
        residual: Tensor = model.hooked(token_ids, attention_mask=mask, stop_at_layer=model.n_layers)
    silent = sorted(name for name, count in seen.items() if count != 1)
    if silent:
        raise InterventionError(f"The hooks {', '.join(silent)} of {model.name} did not run once in one pass.")
    return residual


def wanted_rows(
    activation: Float[Tensor, "text position ..."], passages: Sequence[Passage]
) -> Float[Tensor, "row ..."]:
    """The activations at the positions that each passage wants, one passage after the other."""
    places = [(text, position) for text, passage in enumerate(passages) for position in passage.positions]
    text, position = torch.tensor(places, dtype=torch.long, device=activation.device).reshape(-1, 2).unbind(1)
    return activation[text, position]
