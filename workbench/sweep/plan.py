"""What a batch of the fast sweep is made of, worked out before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import torch
from torch import Tensor

from workbench.errors import UserError
from workbench.interventions.conditions import Clean, Condition, ContextMask
from workbench.interventions.context_mask import check_hides_something
from workbench.interventions.edit_checks import check_edits
from workbench.interventions.edits import Editing
from workbench.interventions.own_hooks import OwnHooks
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.sweep.attention import Layer
from workbench.sweep.edits import Edits, prefix_left, selected_own, writes_completion
from workbench.sweep.rows import Row, View, hidden_own, own_columns, prefix_length, view_of

_FEW = 8
"""Context tokens that are copied to every row: fewer than it costs to attend to them apart."""
_REGISTER, _PRODUCT = 16, 400
"""On a processor a softmax over fewer numbers than a register holds is slow, and so are products of fewer numbers each, for
which PyTorch does not ask its library."""


class Gap(NamedTuple):
    """Columns that are left out."""

    start: int
    stop: int

    @property
    def width(self) -> int:
        """How many they are."""
        return self.stop - self.start

    def closed(self, tensor: Tensor, dim: int, *, behind: int = 0) -> Tensor:
        """A tensor without them, where the first stands behind so many others."""
        if not self.width:
            return tensor
        before, after = tensor.narrow(dim, 0, behind + self.start), behind + self.stop
        return torch.cat([before, tensor.narrow(dim, after, tensor.shape[dim] - after)], dim=dim)


@dataclass
class Counts:
    """What a sweep computed."""

    layer_tokens: int = 0
    """One layer applied to one token; padding is not counted."""


class Plan:
    """Prompts and conditions that are walked up the layers together: their rows, what they share, what they see."""

    def __init__(
        self,
        model: Model,
        layers: list[Layer],
        prompts: Sequence[Prompt],
        conditions: Sequence[Condition],
        counts: Counts,
        compare: bool,
    ) -> None:
        self.model, self.layers, self.prompts, self.counts = model, layers, prompts, counts
        self.asked = len(conditions)
        # The clean run is needed for divergences, whether it was asked for or not.
        self.conditions: list[Condition] = [*conditions, Clean()] if compare else list(conditions)
        for condition in conditions:
            _check(condition, prompts, model)
        self.n_layers = model.n_layers
        self.device: torch.device = model.hooked.W_E.device
        self.dtype: torch.dtype = model.hooked.W_E.dtype
        # What a single row reads is read in one go: nobody shares it.
        shared = prefix_length(prompts) if len(prompts) * len(self.conditions) > 1 else 0
        self.prefix = min((prefix_left(condition, prompts, shared) for condition in conditions), default=shared)
        tokens, real = own_columns(prompts, self.prefix)
        self.own_tokens, self.own_real = tokens.to(self.device), real.to(self.device)
        self.width = tokens.shape[1]
        self.lengths = self.own_real.sum(1)
        # The prefix may be looked at through the first prompt's eyes: it ends where prompts disagree on it.
        views = [view_of(condition, index, prompts[0], self.prefix) for index, condition in enumerate(self.conditions)]
        # The trunk sees everything, whether or not a condition does to the end.
        self.views = list(dict.fromkeys([View(tuple(range(self.prefix))), *views]))
        self.view_of_condition = [self.views.index(view) for view in views]
        self.rows = [
            Row(prompt, index, condition.first_layer(self.n_layers), self._reads_from(condition, prompts[prompt]))
            for prompt in range(len(prompts))
            for index, condition in enumerate(self.conditions)
        ]
        of_row = [(self.conditions[row.condition], prompts[row.prompt]) for row in self.rows]
        hidden = [hidden_own(condition, prompt, self.prefix, self.width) for condition, prompt in of_row]
        self.hidden = torch.tensor(hidden, device=self.device)
        """Which own columns each row hides."""
        self._dropped, self.dropped_from = self._never_read()
        """Own columns that nothing reads from a layer on, and that layer."""
        completion = ["completion" in getattr(condition, "hidden", ()) for condition, _ in of_row]
        self.hides_completion = torch.tensor(completion, device=self.device)
        self.edits = Edits(self.conditions, prompts, model.n_heads)
        self.written = [selected_own(condition, prompt, self.prefix, self.width) for condition, prompt in of_row]
        """At which own columns each row's condition writes over activations."""
        self.writes_completion = [writes_completion(condition) for condition, _ in of_row]

        longest = max((prompt.max_new_tokens for prompt in prompts), default=0)
        self.draft = max(0, *(len(prompt.reference_ids) - 1 for prompt in prompts))
        """Tokens of the longest reference that are read: all but its last."""
        self.least = max(_REGISTER, ceil(_PRODUCT / model.hooked.cfg.d_head))
        """Own columns that queries are compared with in any case; what is not there is hidden."""
        self.first_room = max(self.width + self.draft, self.least)
        """Own columns that there is room for before anything is decoded."""
        self.capacity = max(self.least, self.width + self.draft + longest)
        """Own columns that there is room for: prompts, references, completions."""
        for layer in layers:
            layer.reach(min(model.window, self.prefix + self.capacity))

    def lead(self, view: int) -> tuple[int, ...] | None:
        """Positions of the context that a view's rows keep among their own columns, where it is a token or two.

        None where it is not: then all rows read the context from one place.
        """
        seen = self.views[view]
        positions = (*seen.columns, *seen.branched)
        return positions if 0 < len(positions) <= _FEW and not seen.zeroed else None

    def unread(self, layer: int) -> Gap:
        """Own columns that nothing reads at a layer or above."""
        return self._dropped if layer >= self.dropped_from else Gap(0, 0)

    def _never_read(self) -> tuple[Gap, int]:
        """Own columns that no row reads once all have branched off: padding, and context of the prompts' own."""
        layer = max((row.reads_from for row in self.rows), default=self.n_layers)
        # Zeroed attention still counts the hidden keys in its softmax.
        if layer == self.n_layers or not all(
            isinstance(each, ContextMask) and each.renormalise for each in self.conditions
        ):
            return Gap(0, 0), self.n_layers
        of_row = [row.prompt for row in self.rows]
        unread = (self.hidden | ~self.own_real[of_row])[:, : self.width - 1].all(0).tolist()
        start = unread.index(True) if any(unread) else 0
        # Where there is padding, which stands in front, prompts have their tokens in different columns.
        if start and not bool(self.own_real.all()):
            return Gap(0, 0), self.n_layers
        return Gap(start, [*unread, False].index(False, start)), layer

    def _reads_from(self, condition: Condition, prompt: Prompt) -> int:
        """First layer at which a condition changes what is read of a prompt."""
        if condition.first_position(prompt) >= len(prompt.token_ids):
            return self.n_layers
        return condition.first_layer(self.n_layers)


def _check(condition: Condition, prompts: Sequence[Prompt], model: Model) -> None:
    """Refuse a condition that does nothing to a prompt, does not fit the model, or is no data."""
    if isinstance(condition, ContextMask):
        check_hides_something(condition, prompts)
    elif isinstance(condition, Editing):
        check_edits(condition, prompts, model.hooked.cfg)
    elif isinstance(condition, OwnHooks):
        raise UserError(
            f"The fast sweep cannot run the hooks of condition {condition.name!r}; use the reference "
            "(engine: reference)."
        )
