"""The hooks that a context mask becomes, for one batch of prompts padded on the left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from workbench.errors import UserError
from workbench.interventions.conditions import ContextMask
from workbench.interventions.faults import Hook, InterventionError
from workbench.prompts import Prompt


class ContextMaskHooks:
    """A context mask on one batch. Use `hooks()` in `model.hooks(...)` for every forward pass, then call `verify()`.

    Works with a key/value cache: the key axis always counts from the first position of the padded prompts, so what is
    hidden stays hidden while tokens are generated.
    """

    def __init__(self, mask: ContextMask, prompts: Sequence[Prompt], n_layers: int, device: torch.device) -> None:
        """Find the columns to hide.

        Raises:
            UserError: in one of the prompts, everything that the mask hides is empty.
        """
        check_hides_something(mask, prompts)
        self.mask = mask
        self.layers = range(mask.first_layer(n_layers), n_layers)
        self.hidden = _hidden_columns(mask, prompts).to(device)
        self.hides_completion = "completion" in mask.hidden
        # Nothing later in the prompt looks at its last position or at what is yet to be generated.
        self._shows = bool(self.hidden[:, :-1].any())
        self._fired = dict.fromkeys(self.layers, False)
        self._changed = dict.fromkeys(self.layers, False)

    def hooks(self) -> list[tuple[Any, Hook]]:
        """Hook names and functions for `HookedTransformer.hooks(fwd_hooks=...)`."""
        kind = "hook_attn_scores" if self.mask.renormalise else "hook_pattern"
        return [(f"blocks.{layer}.attn.{kind}", self._hide) for layer in self.layers]

    def go_on(self) -> None:
        """Nothing to say: the key axis tells where a pass begins."""

    def verify(self) -> None:
        """Check that every hook ran and changed something.

        Raises:
            InterventionError: one did not. Unchanged logits would be a finding; unchanged attention is a fault.
        """
        for layer in self.layers:
            if not self._fired[layer]:
                raise InterventionError(f"Mask {self.mask.name}: the hook at layer {layer} never ran.")
            if self._shows and not self._changed[layer]:
                raise InterventionError(
                    f"Mask {self.mask.name}: attention at layer {layer} came out unchanged, though "
                    f"{', '.join(self.mask.hidden)} are not empty."
                )

    def _hide(
        self, attention: Float[Tensor, "batch head query key"], hook: Any
    ) -> Float[Tensor, "batch head query key"]:
        # A model on several devices has this layer's attention where the layer is.
        blocked = self._blocked(attention.shape[2], attention.shape[3]).unsqueeze(1).to(attention.device)
        nothing = float("-inf") if self.mask.renormalise else 0.0
        layer = hook.layer()
        self._fired[layer] = True
        # Checking costs a pass over the scores: once is enough.
        if not self._changed[layer]:
            self._changed[layer] = bool((blocked & (attention != nothing)).any())
        return attention.masked_fill(blocked, nothing)

    def _blocked(self, queries: int, keys: int) -> Bool[Tensor, "batch query key"]:
        """Which keys each query may not see. Queries are the last positions of all that the cache and the pass hold."""
        batch, width = self.hidden.shape
        generated = self.hidden.new_full((batch, max(0, keys - width)), self.hides_completion)
        columns = torch.cat([self.hidden[:, :keys], generated], dim=1)
        blocked = columns.unsqueeze(1).expand(batch, queries, keys)
        if not self.mask.sees_itself:
            return blocked
        key_positions = torch.arange(keys, device=self.hidden.device)
        query_positions = torch.arange(keys - queries, keys, device=self.hidden.device)
        return blocked & (query_positions.unsqueeze(1) != key_positions)


def check_hides_something(mask: ContextMask, prompts: Sequence[Prompt]) -> None:
    """Refuse a mask whose segments are all empty in one of the prompts: its flat curve would mean nothing.

    Raises:
        UserError: there is such a prompt. A mask that hides no segment by its name (`FFF`) is fine.
    """
    if not mask.hidden or "completion" in mask.hidden:
        return
    for prompt in prompts:
        if not prompt.positions(*mask.hidden):
            raise UserError(
                f"Mask {mask.name} hides {', '.join(mask.hidden)}, and prompt {prompt.name!r} has none of them: "
                "give examples or a format with instructions, or another mask."
            )


def _hidden_columns(mask: ContextMask, prompts: Sequence[Prompt]) -> Bool[Tensor, "batch position"]:
    """Hidden prompt columns, in a batch padded on the left to its longest prompt."""
    width = max(len(prompt.token_ids) for prompt in prompts)
    hidden = torch.zeros(len(prompts), width, dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        positions = prompt.positions(*mask.hidden)
        hidden[row, torch.tensor(positions, dtype=torch.long) + width - len(prompt.token_ids)] = True
    return hidden
