"""A prompt: one tokenisation of one text, with the token spans of its segments.

Segments are nested by their paths: `instructions`; `examples`, which holds `examples.0`, which holds
`examples.0.source`, `.delimiter` and `.target`; `query`, which holds `query.source` and `query.delimiter`;
`bos`, which holds `bos.template` where a chat template writes something of its own before the first turn.
Spans come from the tokenizer's character offsets, never from tokenising pieces apart: a tokenizer
merges across pieces, so spans counted from pieces run off (for that reason paper A's code hides one or two
tokens too many).
A token that straddles a boundary belongs to the piece in which its text begins.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol, runtime_checkable

from workbench.chat import Chat
from workbench.errors import UserError
from workbench.formats import ChatFormat, Format, Piece
from workbench.tasks.task import Item, ProgramTests, Task


@runtime_checkable
class Tokenizes(Protocol):
    """What a prompt needs of a model."""

    @property
    def window(self) -> int:
        """Longest sequence the model reads, in tokens."""

    def encode(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids and character offsets of one tokenisation, with BOS where the tokenizer wants one."""


@dataclass(frozen=True)
class Segment:
    """A half-open token span and the path of what stands there. One path may have several spans."""

    path: str
    start: int
    end: int


@dataclass(frozen=True)
class Prompt:
    """A prompt ready to be run, with the reference that the completion is compared with."""

    name: str
    """Which test item this is; unique within a task."""
    text: str
    token_ids: tuple[int, ...]
    segments: tuple[Segment, ...]
    source: str
    reference: str
    reference_ids: tuple[int, ...]
    """The reference's tokens as they follow the prompt, as far as the model's window reaches."""
    stop: tuple[str, ...]
    max_new_tokens: int
    """Longest completion; the window's end at the latest."""
    reference_length: int = 0
    """Tokens of the whole reference; more than `reference_ids` holds where the window ends first."""
    end: tuple[int, ...] = ()
    """Tokens that end the completion, beside those that end every text of the model: a chat's end of turn."""
    tests: ProgramTests | None = None
    """What a completion that is a program is put to."""

    def positions(self, *selectors: str) -> tuple[int, ...]:
        """Token positions, ascending, of every segment selected.

        A selector is a path or the beginning of one; numbers may be left out: `examples.target` selects every
        example's target. `completion` selects what is generated later, and so no position here.

        Raises:
            UserError: the selector names no kind of segment.
        """
        chosen: set[int] = set()
        for selector in selectors:
            _check_selector(selector)
            wanted = selector.split(".")
            for segment in self.segments:
                if _selects(wanted, segment.path.split(".")):
                    chosen.update(range(segment.start, segment.end))
        return tuple(sorted(chosen))


_SELECTOR = re.compile(
    r"bos(\.template)?|instructions|completion|examples(\.\d+)?(\.(source|delimiter|target))?|query(\.(source|delimiter))?"
)


def _check_selector(selector: str) -> None:
    if not _SELECTOR.fullmatch(selector):
        raise UserError(
            f"No segment is called {selector!r}; segments are bos, instructions, examples, query and "
            "completion, and parts of them such as examples.source, examples.0.target or query.delimiter."
        )


def _selects(wanted: list[str], path: list[str]) -> bool:
    """Whether the path lies in what is wanted, where a number in the path may go unnamed."""
    if not wanted:
        return True
    if not path:
        return False
    if wanted[0] == path[0]:
        return _selects(wanted[1:], path[1:])
    return path[0].isdigit() and not wanted[0].isdigit() and _selects(wanted, path[1:])


def build_prompt(
    model: Tokenizes, format_: Format | ChatFormat, task: Task, examples: Sequence[Item], item: Item
) -> Prompt:
    """The prompt that shows `examples` and asks for `item`, in the given format.

    Completion and reference end where the model's window does.

    Raises:
        UserError: the prompt leaves no room for an answer in the model's window, or the format cannot be written.
    """
    writer = Chat(format_, model) if isinstance(format_, ChatFormat) else format_
    pieces = writer.pieces(task.instruction, examples, item.source)
    text = "".join(piece.text for piece in pieces)
    token_ids, offsets = model.encode(text)
    reference_ids = _reference_ids(model, text, token_ids, writer.answer(item.target))
    # What follows may be shorter than wished for, but a prompt that leaves no room for a token cannot be asked.
    room = model.window - len(token_ids)
    if room < 1:
        raise UserError(
            f"Prompt {item.name!r} has {len(token_ids)} tokens; the model reads {model.window}, one of them for the "
            f"answer. Use fewer examples (now {len(examples)}), shorter ones, or another model."
        )
    return Prompt(
        name=item.name,
        text=text,
        token_ids=tuple(token_ids),
        segments=_segments(pieces, offsets),
        source=item.source,
        reference=item.target,
        reference_ids=reference_ids[:room],
        reference_length=len(reference_ids),
        stop=writer.stop + task.stop,
        max_new_tokens=min(task.max_new_tokens, room),
        end=writer.end,
        tests=item.tests,
    )


def _segments(pieces: Sequence[Piece], offsets: Sequence[tuple[int, int]]) -> tuple[Segment, ...]:
    starts = list(accumulate((len(piece.text) for piece in pieces), initial=0))
    segments: list[Segment] = []
    for position, (start, end) in enumerate(offsets):
        owner = pieces[bisect_right(starts, start, hi=len(pieces)) - 1].path
        if position == start == end == 0:
            owner = "bos"
        if segments and segments[-1].path == owner:
            segments[-1] = Segment(owner, segments[-1].start, position + 1)
        else:
            segments.append(Segment(owner, position, position + 1))
    return tuple(segments)


def _reference_ids(model: Tokenizes, text: str, token_ids: Sequence[int], answer: Sequence[Piece]) -> tuple[int, ...]:
    """Tokens of the reference as it would follow the prompt, inside one tokenisation of the whole.

    A tokenizer may merge the prompt's last characters with the reference's first. The prompt that a model
    completes ends between them, so then the reference is tokenised alone.
    """
    reference, after = (piece.text for piece in answer)
    joint, offsets = model.encode(text + reference + after)
    agreed = next(
        (index for index, (left, right) in enumerate(zip(joint, token_ids, strict=False)) if left != right),
        min(len(joint), len(token_ids)),
    )
    end = len(text) + len(reference)
    if agreed == len(token_ids):
        return tuple(token for token, (start, _) in zip(joint, offsets, strict=True) if len(text) <= start < end)
    alone, alone_offsets = model.encode(reference)
    return tuple(token for token, (start, stop) in zip(alone, alone_offsets, strict=True) if stop > start)


def context_digest(prompts: Sequence[Prompt]) -> str:
    """Hash of everything in the prompts that can change a number."""
    digest = hashlib.sha256()
    for prompt in prompts:
        digest.update(repr(prompt).encode())
    return digest.hexdigest()
