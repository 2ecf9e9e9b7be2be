"""The embedded model's training data: prompts of many tasks, drawn without end, the loss on their targets only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from workbench.formats import FORMATS, Piece
from workbench.tasks.grammar.languages import TRAINED_LANGUAGES
from workbench.tasks.grammar.meaning import TRANSFORMATIONS
from workbench.tasks.grammar.parts import NULL, PARTS_OF_SPEECH
from workbench.tasks.grammar.tasks import describe
from workbench.tasks.task import Item, stream_seed

SHARES = {"translate": 0.46, "transform": 0.30, "part-of-speech": 0.24}
"""Share of prompts by kind of task."""
INSTRUCTED = 0.3
"""Share of prompts that show an instruction."""
SHORTEST, LONGEST = 4, 11
"""Pairs of source and target in one prompt: every pair but the first has examples before it."""


@dataclass(frozen=True)
class Batch:
    """One step's prompts, padded on the right."""

    token_ids: Int[Tensor, "prompt position"]
    weights: Float[Tensor, "prompt position"]
    """Weight of the loss on predicting the token that stands here; zero outside targets."""
    kinds: tuple[str, ...]
    last: Int[Tensor, prompt]
    """Position of the first token of each prompt's last target, the one with the most examples before it."""

    @property
    def tokens(self) -> int:
        """Tokens in the batch, padding left out."""
        return int((self.token_ids != 0).sum())


@cache
def tasks_of(kind: str) -> tuple[str, ...]:
    """The tasks of a kind that are trained on: neither the left-out language nor the left-out transformation."""
    pairs = [(source, target) for source in TRAINED_LANGUAGES for target in TRAINED_LANGUAGES]
    if kind == "translate":
        return tuple(f"translate-{source}-{target}" for source, target in pairs if source != target)
    if kind == "transform":
        return tuple(f"{name}-{source}-{target}" for name in TRANSFORMATIONS for source, target in pairs)
    parts = [f"first-{part}" for part in PARTS_OF_SPEECH] + [NULL]
    return tuple(f"{part}-{language}" for part in parts for language in TRAINED_LANGUAGES)


def draw_batch(tokenizer: PreTrainedTokenizerFast, prompts: int, seed: int, step: int) -> Batch:
    """The batch of one step. The step names its own random stream, so training resumes exactly."""
    stream = np.random.default_rng(stream_seed(seed, "batch", step))
    length = int(stream.integers(SHORTEST, LONGEST + 1))
    drawn = [_draw_prompt(stream, length) for _ in range(prompts)]
    encoded = [_encode(tokenizer, pieces) for _, pieces in drawn]
    width = max(len(ids) for ids, _, _ in encoded)
    token_ids = torch.zeros(prompts, width, dtype=torch.long)
    weights = torch.zeros(prompts, width)
    for row, (ids, row_weights, _) in enumerate(encoded):
        token_ids[row, : len(ids)] = torch.tensor(ids)
        weights[row, : len(ids)] = torch.tensor(row_weights)
    last = torch.tensor([first for _, _, first in encoded])
    return Batch(token_ids, weights, tuple(kind for kind, _ in drawn), last)


def _draw_prompt(stream: np.random.Generator, pairs: int) -> tuple[str, list[Piece]]:
    kind = str(stream.choice(list(SHARES), p=list(SHARES.values())))
    options = tasks_of(kind)
    mapping = describe(options[int(stream.integers(len(options)))])
    items: list[Item] = []
    while len(items) < pairs:
        meaning = mapping.draw(stream)
        if meaning.split == "train":
            items.append(Item("", *mapping.pair(meaning, stream)))
    format_ = FORMATS["instr_none_QA"]
    if stream.random() < INSTRUCTED:
        other = "instr_machine_translation" if kind == "translate" and stream.random() < 0.5 else "instr_task"
        format_ = FORMATS[other]
    *examples, query = items
    pieces = format_.pieces(mapping.instruction, examples, query.source)
    return kind, [*pieces, *format_.answer(query.target)]


def _encode(tokenizer: PreTrainedTokenizerFast, pieces: Sequence[Piece]) -> tuple[list[int], list[float], int]:
    """Token ids, loss weights, and where the last target begins.

    A target counts by the square root of its length, so that one-word answers are not drowned by sentences; the
    newline that ends a target is learned with it.
    """
    encoding = tokenizer("".join(piece.text for piece in pieces), return_offsets_mapping=True)
    starts = np.array([start for start, _ in encoding["offset_mapping"]])
    weights = np.zeros(len(starts))
    begin, first = 0, 0
    for piece in pieces:
        end = begin + len(piece.text)
        if piece.path == "reference" or piece.path.endswith(".target"):
            # One character of space follows every target; the newline after it is the stop.
            inside = (starts >= begin) & (starts < end + 2)
            inside[0] = False
            weights[inside] = 1 / np.sqrt(inside.sum())
            first = int(np.flatnonzero(inside)[0])
        begin = end
    return list(encoding["input_ids"]), weights.tolist(), first
