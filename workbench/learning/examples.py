"""From items to what a training learns from: token ids, and which of them the loss is taken on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from workbench.chat import Chat
from workbench.errors import UserError
from workbench.formats import ChatFormat, find_format
from workbench.prompts import Tokenizes
from workbench.tasks.task import Item, Task

Loss = Literal["target", "sequence"]
"""What the loss is taken on: the target and what ends it, or source and target alike."""


@dataclass(frozen=True)
class Example:
    """A prompt followed by its target."""

    token_ids: tuple[int, ...]
    counted: tuple[bool, ...]
    """Whether the loss of predicting this token counts."""


@dataclass(frozen=True)
class Batch:
    """Examples side by side, padded on the right."""

    token_ids: Int[Tensor, "row position"]
    real: Bool[Tensor, "row position"]
    counted: Bool[Tensor, "row position"]

    def to(self, device: str | torch.device) -> Batch:
        """The same on a device."""
        return Batch(self.token_ids.to(device), self.real.to(device), self.counted.to(device))


def examples_of(
    model: Tokenizes,
    task: Task,
    items: Sequence[Item],
    *,
    format: str,
    shown: Sequence[Sequence[Item]] | None = None,
    loss: Loss = "target",
) -> list[Example]:
    """The items as prompts in that format, each followed by its target; before each the items `shown` for it, if any.

    With the loss on the `target`, what ends a target in the format is learned with it, so that completions end. With the loss
    on the whole `sequence` it is not: the official code's end-of-text token is also its padding, which it leaves out.

    Raises:
        UserError: an item is longer than the model's window.
    """
    format_ = find_format(format, task.kind)
    writer = Chat(format_, model) if isinstance(format_, ChatFormat) else format_
    found = []
    for item, before in zip(items, shown or [()] * len(items), strict=True):
        asked = "".join(piece.text for piece in writer.pieces(task.instruction, before, item.source))
        target, after = (piece.text for piece in writer.answer(item.target))
        token_ids, offsets = model.encode(asked + target + after)
        if len(token_ids) > model.window:
            raise UserError(
                f"Item {item.name!r} has {len(token_ids)} tokens with what is around it; the model reads {model.window}: "
                "train on shorter ones."
            )
        begin, end = len(asked), len(asked) + len(target)
        whole = loss == "sequence"
        counted = [start < end if whole else start >= begin for start, _ in offsets]
        # Nothing stands before the first token that it could be predicted from.
        found.append(Example(tuple(token_ids), (False, *counted[1:])))
    return found


def cross_entropy(logits: Float[Tensor, "counted vocabulary"], batch: Batch) -> tuple[Float[Tensor, ""], int]:
    """Summed over the tokens that count, in nats, and their number; the logits are those before each of them."""
    expected = batch.token_ids[:, 1:][batch.counted[:, 1:]]
    # In half precision a sum over a vocabulary loses too much.
    wide = logits.dtype if logits.dtype == torch.float64 else torch.float32
    total = torch.nn.functional.cross_entropy(logits.to(wide), expected.to(logits.device), reduction="sum")
    return total, len(expected)


def mean_loss(total_of: Callable[[Batch], tuple[Tensor, int]], examples: Sequence[Example], size: int) -> float:
    """Mean loss over all tokens of the examples that count, in nats, `size` examples at a time; nothing is learned."""
    totals, counts = 0.0, 0
    with torch.no_grad():
        for start in range(0, len(examples), size):
            total, count = total_of(batch_of(examples[start : start + size]))
            totals, counts = totals + float(total), counts + count
    return totals / counts


def batch_of(examples: Sequence[Example]) -> Batch:
    """The examples side by side."""
    width = max(len(example.token_ids) for example in examples)
    token_ids = torch.zeros(len(examples), width, dtype=torch.long)
    real, counted = (torch.zeros(len(examples), width, dtype=torch.bool) for _ in range(2))
    for row, example in enumerate(examples):
        length = len(example.token_ids)
        token_ids[row, :length] = torch.tensor(example.token_ids)
        real[row, :length] = True
        counted[row, :length] = torch.tensor(example.counted)
    return Batch(token_ids, real, counted)
