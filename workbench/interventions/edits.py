"""Conditions that write over what a layer computes: attention and feed-forward removal, head ablation, patching.

Each is data, and says in `edits()` what is written where. The plain reference turns the edits into hooks, the fast
engine writes them on its walk.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from workbench.errors import UserError
from workbench.interventions.payload import Payload
from workbench.interventions.positions import EVERYWHERE, first_position
from workbench.prompts import Prompt

Site = Literal["resid_pre", "attn_out", "mlp_out", "z"]
"""Where: what enters a layer, what attention or feed-forward adds to it, or the heads' outputs before they are
projected."""
HOOKS: dict[Site, str] = {
    "resid_pre": "hook_resid_pre",
    "attn_out": "hook_attn_out",
    "mlp_out": "hook_mlp_out",
    "z": "attn.hook_z",
}
"""The hook at each site, within its block."""


@dataclass(frozen=True, eq=False)
class Edit:
    """What is written at one site of one layer, at every position that the condition selects."""

    layer: int
    site: Site
    heads: tuple[int, ...] | None = None
    """Query heads written over, at the site `z`; None: all of them, or a site without heads."""
    values: Float[Tensor, "*axes"] | None = None
    """As in `Payload`, with a head axis at the site `z`; None: zeros."""
    prompts: tuple[str, ...] = ()
    added: bool = False
    """Whether the values are added to what is there; otherwise they stand in its place."""

    @property
    def axes(self) -> int:
        """How many axes the site has behind the position."""
        return 2 if self.site == "z" else 1

    def by_position(self) -> bool:
        """Whether what is written differs from position to position."""
        return self.values is not None and self.values.ndim - self.axes - bool(self.prompts) == 1

    def values_for(self, prompt: Prompt) -> Float[Tensor, "position ..."]:
        """What is written in a prompt: one entry for each position selected, or one for all."""
        assert self.values is not None
        values = self.values[self.prompts.index(prompt.name)] if self.prompts else self.values
        return values if self.by_position() else values.unsqueeze(0)


@dataclass(frozen=True)
class _Removal:
    """What removals of a sub-layer have in common."""

    layers: tuple[int, ...]
    """Layers, from 0, whose sub-layer is removed, all in one run."""
    positions: tuple[str, ...] = EVERYWHERE
    """Selectors of the positions it is removed at; see `workbench.interventions.positions`."""

    def __post_init__(self) -> None:
        if not self.layers:
            raise UserError("A removal without layers does nothing; give at least one, or the condition Clean().")

    def first_layer(self, n_layers: int) -> int:
        """The first layer that differs from the clean run."""
        return min(self.layers)

    def first_position(self, prompt: Prompt) -> int:
        """The first position that differs from the clean run."""
        return first_position(prompt, self.positions)


@dataclass(frozen=True)
class AttentionRemoval(_Removal):
    """Attention writes nothing at some layers (paper A, section on layer masking).

    The self-attention sub-layer of all heads is dropped, its output bias too: the residual stream and the layer's
    feed-forward stay, and the feed-forward works on what entered the layer.
    """

    @property
    def name(self) -> str:
        """What the condition is called in tables and figures."""
        return f"attention removed at {_numbers(self.layers)}"

    def edits(self) -> tuple[Edit, ...]:
        """What is written where."""
        return tuple(Edit(layer, "attn_out") for layer in sorted(set(self.layers)))


@dataclass(frozen=True)
class FeedForwardRemoval(_Removal):
    """The feed-forward sub-layer writes nothing at some layers, its output bias too (paper C removes them so)."""

    @property
    def name(self) -> str:
        """What the condition is called in tables and figures."""
        return f"feed-forward removed at {_numbers(self.layers)}"

    def edits(self) -> tuple[Edit, ...]:
        """What is written where."""
        return tuple(Edit(layer, "mlp_out") for layer in sorted(set(self.layers)))


@dataclass(frozen=True)
class HeadAblation:
    """Outputs of attention heads replaced before the output projection, whose bias stays (paper C, head removal)."""

    heads: AbstractSet[tuple[int, int]]
    """Layer and query head, both from 0, of every head ablated, all in one run."""
    how: Literal["zero", "mean", "resample"] = "zero"
    """By what they are replaced: nothing, their mean, or their outputs in other prompts. The last two are the payload."""
    positions: tuple[str, ...] = EVERYWHERE
    """Selectors of the positions they are ablated at; see `workbench.interventions.positions`."""
    payload: Payload | None = None
    """Means or outputs, `*axes head d_head`: the heads in ascending order of layer and head."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads", frozenset(self.heads))
        if not self.heads:
            raise UserError("A head ablation without heads does nothing; give at least one, or the condition Clean().")
        if (self.how == "zero") != (self.payload is None):
            wanted = "none" if self.how == "zero" else "one"
            raise UserError(f"Head ablation {self.how!r} with the payload {self.payload}; it takes {wanted}.")
        if self.payload is not None and self.payload.values.shape[-2:-1] != (len(self.heads),):
            raise UserError(
                f"A head ablation of {len(self.heads)} heads has a payload of shape {tuple(self.payload.values.shape)}; "
                f"the last axis but one must have one entry for each head, in ascending order."
            )

    @classmethod
    def of_key_value_heads(
        cls,
        key_value_heads: AbstractSet[tuple[int, int]],
        group_size: int,
        how: Literal["zero", "mean", "resample"] = "zero",
        positions: tuple[str, ...] = EVERYWHERE,
        payload: Payload | None = None,
    ) -> HeadAblation:
        """The ablation of all query heads that read the given key/value heads (grouped-query attention).

        Args:
            key_value_heads: layer and key/value head of each.
            group_size: query heads that share a key/value head.
            how: see the field.
            positions: see the field.
            payload: see the field; for the query heads.
        """
        heads = {(layer, head * group_size + member) for layer, head in key_value_heads for member in range(group_size)}
        return cls(heads, how, positions, payload)

    @property
    def name(self) -> str:
        """What the condition is called in tables and figures."""
        heads = ", ".join(f"{layer}.{head}" for layer, head in sorted(self.heads))
        return f"head {heads} {'removed' if self.how == 'zero' else f'set to {self.how}'}"

    def first_layer(self, n_layers: int) -> int:
        """The first layer that differs from the clean run."""
        return min(layer for layer, _ in self.heads)

    def first_position(self, prompt: Prompt) -> int:
        """The first position that differs from the clean run."""
        return first_position(prompt, self.positions)

    def edits(self) -> tuple[Edit, ...]:
        """What is written where."""
        ordered = sorted(self.heads)
        edits = []
        for layer in sorted({layer for layer, _ in ordered}):
            places = [place for place, (its_layer, _) in enumerate(ordered) if its_layer == layer]
            heads = tuple(ordered[place][1] for place in places)
            if self.payload is None:
                edits.append(Edit(layer, "z", heads))
            else:
                values = self.payload.values[..., places, :]
                edits.append(Edit(layer, "z", heads, values, self.payload.prompts))
        return tuple(edits)


@dataclass(frozen=True)
class Patch:
    """Activations written into one site of one layer (activation patching; paper B, the task's mean activation)."""

    site: Site
    layer: int
    """Layer, from 0."""
    positions: tuple[str, ...]
    """Selectors of the positions written; see `workbench.interventions.positions`."""
    payload: Payload
    """What is written: `*axes d_model`; at the site `z` `*axes head d_head`, or `*axes d_head` if `head` is given."""
    head: int | None = None
    """The query head written over at the site `z`, from 0; None: all heads."""
    added: bool = False
    """Whether the payload is added to what is there (a steering or function vector); otherwise it takes its place."""

    def __post_init__(self) -> None:
        if self.head is not None and self.site != "z":
            raise UserError(f"A patch of head {self.head} at {self.site}: only the site 'z' has heads.")

    @property
    def name(self) -> str:
        """What the condition is called in tables and figures."""
        where = f"{self.site} {self.layer}" + ("" if self.head is None else f".{self.head}")
        return f"{where} {'raised by' if self.added else 'set to'} {self.payload.digest[:8]}"

    def first_layer(self, n_layers: int) -> int:
        """The first layer that differs from the clean run."""
        return self.layer

    def first_position(self, prompt: Prompt) -> int:
        """The first position that differs from the clean run."""
        return first_position(prompt, self.positions)

    def edits(self) -> tuple[Edit, ...]:
        """What is written where."""
        heads, values = None, self.payload.values
        if self.head is not None:
            heads, values = (self.head,), values.unsqueeze(-2)
        return (Edit(self.layer, self.site, heads, values, self.payload.prompts, self.added),)


Editing = AttentionRemoval | FeedForwardRemoval | HeadAblation | Patch
"""The conditions of this module."""


def _numbers(layers: tuple[int, ...]) -> str:
    listed = ", ".join(str(layer) for layer in sorted(set(layers)))
    return f"layer {listed}" if len(set(layers)) == 1 else f"layers {listed}"
