"""Streamed collection of activations: of every layer, the residual stream at the positions that are wanted, and no more.

A pass keeps one layer's activations at all positions; what is collected is [depth, row, d_model], where a *row* is one
wanted position of one prompt and *depth* counts layers done: depth 0 is what the embedding wrote, depth l what enters
layer l, and depth `n_layers` what the last layer leaves.

A mask equals the clean run below its first layer. So one trunk walks up the layers, and each mask branches off at its
own. And prompts of one seed share their context: it is read once for all of them, under every mask too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.errors import UserError
from workbench.interventions import Clean, ContextMask, ContextMaskHooks, InterventionError
from workbench.interventions.context_mask import check_hides_something
from workbench.models.model import Model
from workbench.prompts import Prompt, Segment
from workbench.sweep.rows import prefix_length

Positions = Literal["answer", "reference", "all"]
"""`answer`: the prompt's last position, from which the first token of the answer is read. `reference`: that one and the
positions of the reference's tokens, which follow the prompt. `all`: the prompt's other positions too."""


@dataclass(frozen=True)
class Passage:
    """A prompt, the tokens that follow it, and the positions wanted."""

    prompt: Prompt
    positions: tuple[int, ...]
    continuation: tuple[int, ...] = ()
    """Token ids after the prompt."""

    @classmethod
    def of(cls, prompt: Prompt, positions: Positions = "answer") -> Passage:
        """A prompt followed by its reference, as far as the positions need it.

        Raises:
            UserError: the prompt has no reference, so that nothing follows its last position.
        """
        if not prompt.reference_ids:
            raise UserError(
                f"Prompt {prompt.name!r} has an empty reference: there is no token whose rank could be read. "
                "Leave this item out."
            )
        answer = len(prompt.token_ids) - 1
        last = answer if positions == "answer" else answer + len(prompt.reference_ids) - 1
        wanted = range(0 if positions == "all" else answer, last + 1)
        return cls(prompt, tuple(wanted), prompt.reference_ids[: last - answer])

    @property
    def token_ids(self) -> tuple[int, ...]:
        """Everything that is read."""
        return self.prompt.token_ids + self.continuation

    def next_tokens(self) -> tuple[int, ...]:
        """The token that follows each position wanted, in the prompt and its reference."""
        whole = self.prompt.token_ids + self.prompt.reference_ids
        return tuple(whole[position + 1] for position in self.positions)


def side_by_side(texts: Sequence[Sequence[int]]) -> tuple[Int[Tensor, "text position"], Int[Tensor, "text position"]]:
    """Token ids padded on the right, where no token looks, so that a column is a position; and which are no padding."""
    token_ids = torch.zeros(len(texts), max(len(text) for text in texts), dtype=torch.long)
    mask = torch.zeros_like(token_ids)
    for row, text in enumerate(texts):
        token_ids[row, : len(text)] = torch.tensor(text)
        mask[row, : len(text)] = 1
    return token_ids, mask


@torch.no_grad()
def residual_streams(
    model: Model, passages: Sequence[Passage], conditions: Sequence[Clean | ContextMask] = (Clean(),)
) -> Iterator[tuple[int, Float[Tensor, "depth row d_model"]]]:
    """The residual stream at the positions wanted, under each condition.

    Args:
        model: the model.
        passages: run together, padded to the longest.
        conditions: the clean run, and context masks.

    Yields:
        The place of a condition among those given, and its activations; rows are the passages' positions, in order.
        Conditions that change nothing come first, the others by their first layer.

    Raises:
        InterventionError: a mask did not do what it says.
        UserError: a mask hides nothing in a prompt.
    """
    batch = _Batch(model, passages)
    first_layers = [condition.first_layer(model.n_layers) for condition in conditions]
    clean = batch.collected(0, *batch.embedded())
    for index, first in enumerate(first_layers):
        if first >= model.n_layers:
            yield index, clean
    if all(first >= model.n_layers for first in first_layers):
        return
    trunk = batch.embedded()
    for layer in range(model.n_layers):
        for index, condition in enumerate(conditions):
            if first_layers[index] == layer and isinstance(condition, ContextMask):
                yield index, torch.cat([clean[:layer], batch.collected(layer, *trunk, condition)])
        trunk = batch.through(layer, layer + 1, *trunk)


class _Batch:
    """Passages, cut into what all of them begin with and what is their own.

    The *shared* tokens are one row. Behind them each passage has its *own* tokens, padded on the right, where no token
    of a passage looks: so a column is a position, and windows of local attention count no padding.
    """

    def __init__(self, model: Model, passages: Sequence[Passage]) -> None:
        self.model = model
        self.device = model.hooked.W_E.device
        self.shared = prefix_length([passage.prompt for passage in passages])
        token_ids, mask = side_by_side([passage.token_ids for passage in passages])
        width = token_ids.shape[1]
        self.token_ids, self.mask = token_ids.to(self.device), mask.to(self.device)
        rows = [(row, position) for row, passage in enumerate(passages) for position in passage.positions]
        self.rows: Int[Tensor, "row two"] = torch.tensor(rows, dtype=torch.long).reshape(-1, 2)
        self.passages, self.width = passages, width

    def embedded(self) -> tuple[Tensor, Tensor]:
        """What enters the first layer: of the shared tokens [1, shared, d_model], and of each passage's own."""
        whole = self.model.hooked(self.token_ids, attention_mask=self.mask, stop_at_layer=0)
        return whole[:1, : self.shared], whole[:, self.shared :]

    def collected(
        self, first: int, shared: Tensor, own: Tensor, mask: ContextMask | None = None
    ) -> Float[Tensor, "deeper row d_model"]:
        """The wanted rows from depth `first` on, given what enters that layer; a mask begins there."""
        found: tuple[list[Tensor], list[Tensor]] = ([], [])
        shared, own = self.through(first, self.model.n_layers, shared, own, mask, found)
        depths = zip([*found[0], shared], [*found[1], own], strict=True)
        return torch.stack([self._wanted(*each) for each in depths])

    def through(
        self,
        first: int,
        stop: int,
        shared: Tensor,
        own: Tensor,
        mask: ContextMask | None = None,
        found: tuple[list[Tensor], list[Tensor]] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """What layers `first` to `stop` (excluded) make of what enters them; what enters each goes into `found`."""
        hooked, cache = self.model.hooked, self.model.new_cache(1)
        layers = {"start_at_layer": first, "stop_at_layer": stop}
        before, behind = self._hiding(mask, self.passages[:1]), self._hiding(mask, self.passages)
        if self.shared:
            with self._at_work(before, first, found and found[0]):
                shared = hooked(shared, attention_mask=self.mask[:1, : self.shared], past_kv_cache=cache, **layers)
            for entry in list(cache.entries)[first:stop]:
                entry.past_keys = entry.past_keys.expand(len(own), -1, -1, -1)
                entry.past_values = entry.past_values.expand(len(own), -1, -1, -1)
        elif found:
            found[0].extend([shared] * (stop - first))
        with self._at_work(behind, first, found and found[1]):
            past = {"past_kv_cache": cache} if self.shared else {}
            own = hooked(own, attention_mask=self.mask, **past, **layers)
        if before and behind:
            _verify(before if self.shared else None, behind)
        return shared, own

    def _hiding(self, mask: ContextMask | None, passages: Sequence[Passage]) -> ContextMaskHooks | None:
        """The hooks of a mask on passages whose columns are positions."""
        if mask is None:
            return None
        check_hides_something(mask, [passage.prompt for passage in passages])
        marked = [_marked(mask, passage, self.width) for passage in passages]
        return ContextMaskHooks(replace(mask, hidden=(_MARK,)), marked, self.model.n_layers, self.device)

    def _at_work(self, hiding: ContextMaskHooks | None, first: int, found: list[Tensor] | None) -> Any:
        """The hooks of a mask, and those that keep what enters each layer."""
        hooks: list[tuple[Any, Callable[..., Any]]] = hiding.hooks() if hiding else []
        if found is not None:

            def keep(residual: Tensor, hook: Any) -> None:
                found.append(residual)

            hooks += [(f"blocks.{layer}.hook_resid_pre", keep) for layer in range(first, self.model.n_layers)]
        return self.model.hooked.hooks(fwd_hooks=hooks) if hooks else nullcontext()

    def _wanted(
        self, shared: Float[Tensor, "one shared d_model"], own: Float[Tensor, "passage own d_model"]
    ) -> Float[Tensor, "row d_model"]:
        passage, position = self.rows.to(own.device).unbind(1)
        found = own[passage, (position - self.shared).clamp(min=0)]
        before = position < self.shared
        if before.any():
            found = torch.where(before.unsqueeze(-1), shared[0, position.clamp(max=self.shared - 1)], found)
        # The layers of a model may be on several devices; what is collected is on one.
        return found.to(self.device)


def _verify(before: ContextMaskHooks | None, behind: ContextMaskHooks) -> None:
    """Check that a mask hid something behind the shared tokens or, where local attention ends before them, among them."""
    try:
        behind.verify()
    except InterventionError:
        if before is None:
            raise
        before.verify()


_MARK = "examples"
"""What the hidden positions of a marked prompt are called."""


def _marked(mask: ContextMask, passage: Passage, width: int) -> Prompt:
    """A passage as one prompt of a given length, whose only segments are what the mask hides.

    Masks count columns in prompts padded on the left; among prompts of one length there is no padding.
    """
    prompt, length = passage.prompt, len(passage.token_ids)
    hidden = set(prompt.positions(*mask.hidden))
    if "completion" in mask.hidden:
        hidden.update(range(len(prompt.token_ids), length))
    segments = tuple(Segment(_MARK, position, position + 1) for position in sorted(hidden))
    return replace(prompt, token_ids=passage.token_ids + (0,) * (width - length), segments=segments)
