"""Where heads look: the part of a position's attention that goes to each segment of its prompt.

Every token of a prompt belongs to one kind of segment, so the parts add up to one; that is checked. What stands on
punctuation is counted besides: it lies in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import UserError
from workbench.internals.residual_streams import Passage
from workbench.internals.watching import wanted_rows, watch
from workbench.interventions.positions import selected_positions
from workbench.lenses.token_labels import token_label
from workbench.models.model import Model
from workbench.prompts import Prompt

KINDS = (
    "bos",
    "instructions",
    "examples.source",
    "examples.delimiter",
    "examples.target",
    "query.source",
    "query.delimiter",
    "completion",
)
"""Kinds of segments, in the order of a prompt; `completion` is the reference's tokens behind it."""
CONTEXT = ("instructions", "examples.source", "examples.delimiter", "examples.target")
PUNCTUATION = "punctuation"
_TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9, torch.bfloat16: 5e-2, torch.float16: 5e-3}


class AttentionError(RuntimeError):
    """Attention weights do not add up to one: they are not what the model looks at."""


@dataclass(frozen=True)
class Masses:
    """Shares of the attention from one place of each prompt, mean over the place's positions."""

    shares: Float[Tensor, "prompt layer head kind"]
    """By `KINDS`, then punctuation, then each example's source and each example's target."""
    first: Float[Tensor, "layer head key"]
    """The weights themselves, from the first prompt's last wanted position."""


def passage_from(prompt: Prompt, place: str) -> Passage:
    """A prompt whose attention is wanted from a place: `answer`, `reference`, or a selector of segments.

    Raises:
        UserError: the prompt has no such position.
    """
    if place in ("answer", "reference"):
        return Passage.of(prompt, "answer" if place == "answer" else "reference")
    positions = selected_positions(prompt, (place,))
    if not positions:
        raise UserError(f"Prompt {prompt.name!r} has no {place} to look from; give another place.")
    return Passage(prompt, positions)


def attention_masses(model: Model, passages: Sequence[Passage]) -> Masses:
    """Shares of the attention from the wanted positions of each passage, in every layer and head.

    Raises:
        AttentionError: a head's shares do not add up to one.
    """
    sizes = [len(passage.positions) for passage in passages]
    owner = torch.tensor([row for row, size in enumerate(sizes) for _ in range(size)])
    width = max(len(passage.token_ids) for passage in passages)
    belongs = torch.stack([_membership(model, passage, width) for passage in passages])
    found: dict[int, tuple[Tensor, Tensor]] = {}

    def look(layer: int, pattern: Float[Tensor, "passage head query key"]) -> None:
        rows = wanted_rows(pattern.movedim(1, 2), passages)
        there = owner.to(rows.device)
        shares = torch.einsum("rhk,rkc->rhc", rows, belongs.to(rows)[there])
        mean = shares.new_zeros(len(passages), *shares.shape[1:]).index_add_(0, there, shares)
        mean = mean / torch.tensor(sizes, device=rows.device).view(-1, 1, 1)
        found[layer] = mean.cpu(), rows[sizes[0] - 1, :, : len(passages[0].token_ids)].cpu()

    watchers = {
        f"blocks.{layer}.attn.hook_pattern": lambda pattern, layer=layer: look(layer, pattern)
        for layer in range(model.n_layers)
    }
    watch(model, [passage.token_ids for passage in passages], watchers)
    shares = torch.stack([found[layer][0] for layer in range(model.n_layers)], dim=1)
    _check(model, shares)
    return Masses(shares, torch.stack([found[layer][1] for layer in range(model.n_layers)]))


def columns(examples: int) -> tuple[str, ...]:
    """What the last axis of `Masses.shares` is."""
    numbered = (f"examples.{number}.{part}" for part in ("source", "target") for number in range(examples))
    return (*KINDS, PUNCTUATION, *numbered)


def number_of_examples(prompt: Prompt) -> int:
    """How many examples a prompt shows."""
    return len({segment.path.split(".")[1] for segment in prompt.segments if segment.path.startswith("examples.")})


def kinds_of(passage: Passage) -> set[str]:
    """The kinds of segments that a passage has."""
    return {_kind(segment.path) for segment in passage.prompt.segments} | (
        {"completion"} if passage.continuation else set()
    )


def _kind(path: str) -> str:
    if path.startswith("bos"):
        return "bos"
    return ".".join(part for part in path.split(".") if not part.isdigit())


def _membership(model: Model, passage: Passage, width: int) -> Float[Tensor, "key column"]:
    """Which columns each position of a passage counts for."""
    names = columns(number_of_examples(passage.prompt))
    at = {name: column for column, name in enumerate(names)}
    belongs = torch.zeros(width, len(names), dtype=torch.float64)
    for segment in passage.prompt.segments:
        belongs[segment.start : segment.end, at[_kind(segment.path)]] = 1
        if segment.path in at:
            belongs[segment.start : segment.end, at[segment.path]] = 1
    belongs[len(passage.prompt.token_ids) : len(passage.token_ids), at["completion"]] = 1
    for position, token in enumerate(passage.token_ids):
        belongs[position, at[PUNCTUATION]] = not any(letter.isalnum() for letter in token_label(model, token))
    return belongs


def _check(model: Model, shares: Float[Tensor, "prompt layer head kind"]) -> None:
    worst = float((shares[..., : len(KINDS)].double().sum(-1) - 1).abs().max())
    if not worst <= _TOLERANCE[model.hooked.cfg.dtype]:
        raise AttentionError(
            f"The attention of {model.name} to all segments together differs from 1 by {worst:.3g}; run "
            "`workbench check` on the model."
        )
