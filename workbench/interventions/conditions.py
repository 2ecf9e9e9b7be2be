"""Conditions: under what a model is run, as data. The reference turns them into hooks; other engines read the data."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from itertools import product

from workbench.errors import UserError
from workbench.interventions.edits import Editing
from workbench.interventions.own_hooks import OwnHooks
from workbench.prompts import Prompt

MASK_ALL = "mask_all"
_LETTERS = ("instructions", "examples", "query")
MASK_NAMES = (*("".join(letters) for letters in product("TF", repeat=3)), MASK_ALL)
"""Names of the context masks: one letter each for instructions, examples and query (T: hidden), or `mask_all`."""


@dataclass(frozen=True)
class Clean:
    """Nothing is done: the ceiling."""

    name: str = "clean"

    def first_layer(self, n_layers: int) -> int:
        """The first layer that differs from the clean run: none."""
        return n_layers

    def first_position(self, prompt: Prompt) -> int:
        """The first position that differs from the clean run: none."""
        return len(prompt.token_ids)


@dataclass(frozen=True)
class ContextMask:
    """Segments hidden from layer `from_layer` on (paper A, layer-from context masking).

    Hidden means: from every later position, generated ones too, and from the segment's own positions, except that a
    position always sees itself. The hidden tokens are still computed, but below `from_layer` alone are they read.
    """

    hidden: tuple[str, ...]
    """Selectors of the segments hidden, as in `Prompt.positions`; `completion` hides what is generated."""
    from_layer: int
    """First layer, from 0, at which they are hidden."""
    name: str
    """What the mask is called in tables and figures."""
    renormalise: bool = True
    """True: minus infinity in the scores, so that the weights left sum to one (the papers' way). False: the hidden
    positions' weights are set to zero after the softmax and the rest stay as they were: their values are hidden, but
    their keys still take a share of the attention."""
    sees_itself: bool = True
    """False: a hidden position does not even see itself, so that it may lose every key and then reads nothing. In the
    papers' code such a row attends evenly to every position, later ones too; no visible position reads it."""

    @classmethod
    def named(
        cls, name: str, from_layer: int, *, keep_bos: bool | None = None, renormalise: bool = True
    ) -> ContextMask:
        """The mask of that name: `TTF` hides instructions and examples, `mask_all` everything but each position itself.

        Args:
            name: one of `MASK_NAMES`.
            from_layer: first layer at which the segments are hidden.
            keep_bos: whether the beginning-of-sequence token stays visible; by default it does in the papers' code,
                except under `mask_all`.
            renormalise: see the field.

        Raises:
            UserError: there is no such mask.
        """
        if name not in MASK_NAMES:
            near = difflib.get_close_matches(name.upper(), MASK_NAMES, n=2)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise UserError(
                f"Unknown mask {name!r}: give three letters T (hidden) or F (visible) for instructions, examples and "
                f"query, such as TTF, or {MASK_ALL}.{hint}"
            )
        if name == MASK_ALL:
            hidden: tuple[str, ...] = (*_LETTERS, "completion")
        else:
            hidden = tuple(segment for letter, segment in zip(name, _LETTERS, strict=True) if letter == "T")
        if keep_bos is None:
            keep_bos = name != MASK_ALL
        return cls(hidden if keep_bos else ("bos", *hidden), from_layer, name, renormalise)

    def first_layer(self, n_layers: int) -> int:
        """The first layer that differs from the clean run."""
        return min(self.from_layer, n_layers) if self.hidden else n_layers

    def first_position(self, prompt: Prompt) -> int:
        """The first position that differs from the clean run: the one behind the first hidden, if that sees itself."""
        first = min(prompt.positions(*self.hidden), default=len(prompt.token_ids))
        return min(first + self.sees_itself, len(prompt.token_ids))


Condition = Clean | ContextMask | Editing | OwnHooks


def check_layers(from_layers: tuple[int, ...], n_layers: int) -> None:
    """Refuse a layer that the model lacks. `n_layers` itself is allowed: it means never hidden."""
    for layer in from_layers:
        if not 0 <= layer <= n_layers:
            raise UserError(
                f"Layer {layer} is out of range: the model has {n_layers} layers, so give 0 to {n_layers - 1} "
                f"(or {n_layers} for never hidden)."
            )
