"""What a condition writes into a model: a tensor, known by its digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Payload:
    """Activations to be written over a model's own. Two payloads are equal if their numbers and prompts are.

    The last axes are those of the site: `d_model`, or `head d_head`, or `d_head` for a single head. Before them may
    stand a position axis: one entry for each position that the condition selects in the prompt, ascending; without it,
    the same is written at every position. Before that stands a prompt axis if `prompts` are given.
    """

    values: Float[Tensor, "*axes"]
    prompts: tuple[str, ...] = ()
    """Names of the prompts along the first axis; empty: the same is written in every prompt."""
    digest: str = field(init=False)
    """SHA-256 of the numbers, their type and shape, and the prompts."""

    def __post_init__(self) -> None:
        # A copy, so that the digest stays true whatever becomes of the caller's tensor.
        values = self.values.detach().clone().contiguous()
        described = hashlib.sha256(repr((str(values.dtype), tuple(values.shape), self.prompts)).encode())
        described.update(values.cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "digest", described.hexdigest())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Payload) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Payload({tuple(self.values.shape)}, {self.digest[:12]})"
