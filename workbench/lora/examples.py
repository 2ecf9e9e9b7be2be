"""From items to what an adapter learns from: token ids, and which of them the loss is taken on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from workbench.chat import Chat
from workbench.errors import UserError
from workbench.formats import ChatFormat, find_format
from workbench.lora.settings import Loss
from workbench.prompts import Tokenizes
from workbench.tasks.task import Item, Task


@dataclass(frozen=True)
class Example:
    """A prompt without examples, followed by its target."""

    token_ids: tuple[int, ...]
    counted: tuple[bool, ...]
    """Whether the loss of predicting this token counts."""


@dataclass(frozen=True)
class Batch:
    """Examples side by side, padded on the right."""

    token_ids: Int[Tensor, "row position"]
    real: Bool[Tensor, "row position"]
    counted: Bool[Tensor, "row position"]


def examples_of(
    model: Tokenizes, task: Task, items: Sequence[Item], *, format: str, loss: Loss = "target"
) -> list[Example]:
    """The items as prompts without examples in that format, each followed by its target.

    With the loss on the `target`, what ends a target in the format is learned with it, so that completions end. With the loss
    on the whole `sequence` it is not: the official code's end-of-text token is also its padding, which it leaves out.

    Raises:
        UserError: an item is longer than the model's window.
    """
    format_ = find_format(format, task.kind)
    writer = Chat(format_, model) if isinstance(format_, ChatFormat) else format_
    found = []
    for item in items:
        asked = "".join(piece.text for piece in writer.pieces(task.instruction, (), item.source))
        target, after = (piece.text for piece in writer.answer(item.target))
        token_ids, offsets = model.encode(asked + target + after)
        if len(token_ids) > model.window:
            raise UserError(
                f"Item {item.name!r} has {len(token_ids)} tokens with its target; the model reads {model.window}: train on "
                "shorter ones."
            )
        begin, end = len(asked), len(asked) + len(target)
        whole = loss == "sequence"
        counted = [start < end if whole else start >= begin for start, _ in offsets]
        # Nothing stands before the first token that it could be predicted from.
        found.append(Example(tuple(token_ids), (False, *counted[1:])))
    return found


def batch_of(examples: Sequence[Example], device: str | torch.device = "cpu") -> Batch:
    """The examples side by side."""
    width = max(len(example.token_ids) for example in examples)
    token_ids = torch.zeros(len(examples), width, dtype=torch.long)
    real, counted = (torch.zeros(len(examples), width, dtype=torch.bool) for _ in range(2))
    for row, example in enumerate(examples):
        length = len(example.token_ids)
        token_ids[row, :length] = torch.tensor(example.token_ids)
        real[row, :length] = True
        counted[row, :length] = torch.tensor(example.counted)
    return Batch(token_ids.to(device), real.to(device), counted.to(device))
