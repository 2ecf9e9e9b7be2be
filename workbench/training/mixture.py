"""The embedded model's training data: prompts of many tasks, drawn without end, the loss on their targets only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations, product
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from workbench.formats import FORMATS, Format, Piece
from workbench.random_streams import stream
from workbench.tasks import bitwise, word_pairs
from workbench.tasks.functions import tasks as functions
from workbench.tasks.grammar import tasks as grammar
from workbench.tasks.grammar.languages import HELD_OUT_LANGUAGE, TRAINED_LANGUAGES
from workbench.tasks.grammar.meaning import TRANSFORMATIONS
from workbench.tasks.grammar.parts import NULL, PARTS_OF_SPEECH
from workbench.tasks.mapping import Mapping
from workbench.tasks.task import Item
from workbench.training.recipe import Recipe

SHARES = {
    "translate": 0.27,
    "transform": 0.19,
    "part-of-speech": 0.15,
    "word-pair": 0.10,
    "code": 0.14,
    "bitwise": 0.15,
}
"""Share of prompts by kind of task, in the first cycle of the training."""
REFINED = {
    "translate": 0.40,
    "transform": 0.24,
    "part-of-speech": 0.12,
    "word-pair": 0.08,
    "code": 0.05,
    "bitwise": 0.11,
}
"""The same in the second cycle: more of what the first left furthest from its ceiling, the languages' rarer words."""
INSTRUCTED = 0.3
"""Share of prompts that show an instruction."""
SHORTEST, LONGEST = 80, 200
"""Tokens that the prompts of a step may have: as many pairs as fit, so that little is padded."""
FEWEST = 4
"""Pairs of source and target in a prompt, however long: every pair but the first has examples before it."""
OPERATORS = tuple(bitwise.TRUTH_TABLES)
OPERATOR_EVERY = 600
"""Steps after which one more bitwise operator is asked. All six at once are never learned: while the operator is not
yet told apart their answers cancel out, and nothing leads the model to look at the digits."""


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
    pairs = list(permutations(TRAINED_LANGUAGES, 2))
    if kind == "translate":
        return tuple(f"translate-{source}-{target}" for source, target in pairs)
    if kind == "transform":
        both = list(product(TRAINED_LANGUAGES, TRAINED_LANGUAGES))
        return tuple(f"{name}-{source}-{target}" for name in TRANSFORMATIONS for source, target in both)
    if kind == "part-of-speech":
        parts = [f"first-{part}" for part in PARTS_OF_SPEECH] + [NULL]
        return tuple(f"{part}-{language}" for part in parts for language in TRAINED_LANGUAGES)
    if kind == "word-pair":
        return tuple(name for name in word_pairs.names() if HELD_OUT_LANGUAGE not in name.split("-"))
    return tuple(functions.names() if kind == "code" else bitwise.names())


def share_of(task: str) -> float:
    """Share of the prompts of both cycles that ask this task, once every bitwise operator is asked; 0 if it is left out."""
    recipe = Recipe()
    kind = next((kind for kind in SHARES if task in tasks_of(kind)), None)
    if kind is None:
        return 0.0
    prompts = recipe.steps * SHARES[kind] + recipe.restart * REFINED[kind]
    return prompts / recipe.total / len(tasks_of(kind))


def left_out() -> tuple[str, ...]:
    """The tasks of the same families that are never trained on: they need the left-out language or transformation."""
    every = (*grammar.names(), *word_pairs.names(), *functions.names(), *bitwise.names())
    return tuple(name for name in every if not share_of(name))


def draw_batch(
    tokenizer: PreTrainedTokenizerFast, prompts: int, seed: int, step: int, shares: dict[str, float] = SHARES
) -> Batch:
    """The batch of one step. The step names its own random stream, so training resumes exactly."""
    generator = stream(seed, "batch", step)
    length = int(generator.integers(SHORTEST, LONGEST + 1))
    drawn = [_draw_prompt(generator, tokenizer, length, step, shares) for _ in range(prompts)]
    encoded = [_encode(tokenizer, pieces) for _, pieces in drawn]
    width = max(len(ids) for ids, _, _ in encoded)
    token_ids = torch.zeros(prompts, width, dtype=torch.long)
    weights = torch.zeros(prompts, width)
    for row, (ids, row_weights, _) in enumerate(encoded):
        token_ids[row, : len(ids)] = torch.tensor(ids)
        weights[row, : len(ids)] = torch.tensor(row_weights)
    last = torch.tensor([first for _, _, first in encoded])
    return Batch(token_ids, weights, tuple(kind for kind, _ in drawn), last)


def _draw_prompt(
    generator: np.random.Generator,
    tokenizer: PreTrainedTokenizerFast,
    length: int,
    step: int,
    shares: dict[str, float],
) -> tuple[str, list[Piece]]:
    kind = str(generator.choice(list(shares), p=list(shares.values())))
    options = _asked(kind, step)
    mapping = describe(kind, options[int(generator.integers(len(options)))])
    format_ = FORMATS["instr_none_QA"]
    if generator.random() < INSTRUCTED:
        other = "instr_machine_translation" if kind == "translate" and generator.random() < 0.5 else "instr_task"
        format_ = FORMATS[other]
    items: list[Item] = []
    room = length
    while room > 0 or len(items) < FEWEST:
        subject = mapping.draw(generator)
        if subject.split == "train":
            items.append(Item("", *mapping.pair(subject, generator)))
            room -= _tokens(tokenizer, format_, items[-1])
    *examples, query = items
    pieces = format_.pieces(mapping.instruction, examples, query.source)
    return kind, [*pieces, *format_.answer(query.target)]


def _asked(kind: str, step: int) -> tuple[str, ...]:
    """The tasks of a kind that are asked at that step: the bitwise operators join one after the other."""
    if kind != "bitwise":
        return tasks_of(kind)
    known = OPERATORS[: 1 + step // OPERATOR_EVERY]
    return tasks_of(kind) if known == OPERATORS else tuple(f"bitwise-{operator}" for operator in known)


@cache
def describe(kind: str, task: str) -> Mapping[Any]:
    """The mapping behind a task of that kind."""
    home = {"bitwise": bitwise, "word-pair": word_pairs, "code": functions}.get(kind, grammar)
    return home.describe(task)


def _tokens(tokenizer: PreTrainedTokenizerFast, format_: Format, item: Item) -> int:
    """Tokens of one pair in a prompt."""
    text = f"{format_.before_source}{item.source}{format_.before_target}{item.target}{format_.after_target}\n"
    return len(tokenizer.backend_tokenizer.encode(text, add_special_tokens=False))


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
