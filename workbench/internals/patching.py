"""Activation patching: activations of a clean prompt written into the run of its corrupted counterpart, place by place.

Each patch is a condition, so the fast sweep runs them. Where a place lies in the examples that all prompts share, its
activations are the same for all of them, and are computed and patched once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import UserError
from workbench.internals.corruptions import Alignment, Pair, corresponding, selector
from workbench.internals.residual_streams import Passage
from workbench.internals.watching import wanted_rows, watch
from workbench.interventions import Clean, Condition, Patch, Payload
from workbench.interventions.edits import HOOKS, Site
from workbench.interventions.positions import selected_positions
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.sweep import Engine, sweep
from workbench.sweep.rows import prefix_length

Part = Literal["residual", "attention", "feed-forward", "head"]
SITES: dict[Part, Site] = {
    "residual": "resid_pre",
    "attention": "attn_out",
    "feed-forward": "mlp_out",
    "head": "z",
}
"""Where each part is patched: what enters a layer, what a sub-layer adds, one head's output before its projection."""
CLEAN, CORRUPTED = "clean", "corrupted"
"""The parts that the two unpatched runs have in the table."""
_LOGITS_AT_ONCE = 2**25


@dataclass(frozen=True)
class Patching:
    """What is patched where, and what is measured."""

    parts: tuple[Part, ...]
    places: tuple[str, ...]
    alignment: Alignment
    measured: Literal["answer", "reference"] = "answer"
    """Log-probability of the answer's first token, or the mean over the reference's tokens."""
    engine: Engine = "auto"


def patched_rows(
    model: Model, pairs: Sequence[Pair], patching: Patching, progress: Callable[[int], object] | None = None
) -> list[dict[str, Any]]:
    """A row for each pair and each of: the clean run, the corrupted run, every patch.

    Raises:
        UserError: a reference is empty, or a place where the prompts do not correspond.
    """
    clean, corrupted = ([_asked(prompt, patching) for prompt in each] for each in _apart(pairs))
    rows = []
    for part, prompts in ((CLEAN, clean), (CORRUPTED, corrupted)):
        nowhere = {"part": part, "layer": -1, "head": -1, "place": "none"}
        rows += _run(model, prompts, [Clean()], [nowhere], patching)
    for place in patching.places:
        for group in _groups(pairs, place, patching.alignment):
            conditions, named = _patches(model, group, place, patching)
            asked = [_asked(pair.corrupted, patching) for pair in group]
            size = max(1, _LOGITS_AT_ONCE // (len(asked) * int(model.hooked.cfg.d_vocab_out)))
            for start in range(0, len(conditions), size):
                chosen = slice(start, start + size)
                rows += _run(model, asked, conditions[chosen], named[chosen], patching)
                if progress is not None:
                    progress(len(asked) * len(conditions[chosen]))
    return rows


def _apart(pairs: Sequence[Pair]) -> tuple[list[Prompt], list[Prompt]]:
    return [pair.clean for pair in pairs], [pair.corrupted for pair in pairs]


def _asked(prompt: Prompt, patching: Patching) -> Prompt:
    """The prompt without a completion, its reference as far as it is measured."""
    if not prompt.reference_ids:
        raise UserError(f"Prompt {prompt.name!r} has an empty reference, whose probability is measured: leave it out.")
    kept = prompt.reference_ids[:1] if patching.measured == "answer" else prompt.reference_ids
    return replace(prompt, reference_ids=kept, max_new_tokens=0)


def _run(
    model: Model,
    prompts: Sequence[Prompt],
    conditions: Sequence[Condition],
    named: Sequence[dict[str, Any]],
    patching: Patching,
) -> list[dict[str, Any]]:
    outcomes = sweep(model, prompts, conditions, batch_size=len(prompts), engine_name=patching.engine)
    return [
        {
            "prompt": outcome.prompt,
            **named[outcome.condition],
            "log_probability": sum(outcome.log_probabilities) / len(outcome.log_probabilities),
        }
        for outcome in outcomes
    ]


def _groups(pairs: Sequence[Pair], place: str, alignment: Alignment) -> Iterator[list[Pair]]:
    """Pairs that have as many positions at a place, together: one tensor holds what is written."""
    by_count: dict[int, list[Pair]] = {}
    for pair in pairs:
        by_count.setdefault(len(corresponding(pair, place, alignment)), []).append(pair)
    yield from by_count.values()


def _patches(
    model: Model, pairs: Sequence[Pair], place: str, patching: Patching
) -> tuple[list[Condition], list[dict[str, Any]]]:
    """Every patch at a place, and what its rows say of it."""
    chosen = selector(place, patching.alignment)
    clean, corrupted = _apart(pairs)
    same = all(_shared(prompts, chosen) for prompts in (clean, corrupted))
    given = clean[:1] if same else clean
    names = () if same else tuple(prompt.name for prompt in clean)
    conditions: list[Condition] = []
    named: list[dict[str, Any]] = []
    for part, layer, found in _activations(model, given, chosen, patching.parts):
        values = found[0] if same else found
        heads = range(model.n_heads) if part == "head" else [None]
        for head in heads:
            own = values if head is None else values[..., head, :]
            conditions.append(Patch(SITES[part], layer, chosen, Payload(own, names), head=head))
            named.append({"part": part, "layer": layer, "head": -1 if head is None else head, "place": place})
    return conditions, named


def _shared(prompts: Sequence[Prompt], chosen: tuple[str, ...]) -> bool:
    """Whether a place lies in what all prompts begin with, so that its activations are the same in all of them."""
    prefix = prefix_length(prompts)
    return all(position < prefix for prompt in prompts for position in selected_positions(prompt, chosen))


def _activations(
    model: Model, prompts: Sequence[Prompt], chosen: tuple[str, ...], parts: Sequence[Part]
) -> Iterator[tuple[Part, int, Float[Tensor, "prompt position *axes"]]]:
    """What the clean prompts have at a place, part by part and layer by layer."""
    passages = [Passage(prompt, selected_positions(prompt, chosen)) for prompt in prompts]
    kept: dict[str, Tensor] = {}
    names = {(part, layer): f"blocks.{layer}.{HOOKS[SITES[part]]}" for part in parts for layer in range(model.n_layers)}
    watchers = {
        name: lambda there, name=name: kept.update({name: wanted_rows(there, passages)}) for name in names.values()
    }
    watch(model, [passage.token_ids for passage in passages], watchers)
    for (part, layer), name in names.items():
        rows = kept[name]
        yield part, layer, torch.stack(rows.split(len(passages[0].positions)))
