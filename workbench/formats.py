"""Prompt formats: how instructions, examples and a query become text, each piece labelled with its segment.

The names and exact strings are those of paper A's official code (Sia, Mueller and Duh 2024, configurations
`instr_none_QA` and `instr_machine_translation`): examples joined by a newline, a space after every target, a
newline after the header even where the header is empty. An instruct model's own chat template is a format too:
`workbench.chat` writes it.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from workbench.errors import UserError
from workbench.tasks.task import Item


@dataclass(frozen=True)
class Piece:
    """A stretch of text and the path of the segment it belongs to, `examples.0.source` for instance."""

    path: str
    text: str


@dataclass(frozen=True)
class Format:
    """A prompt format: delimiters around source and target, and whether the instruction is shown."""

    name: str
    header: str
    """Template of the header line; `{instruction}` is replaced. Empty: no instruction."""
    before_source: str = "Q:"
    before_target: str = "\nA:"
    after_target: str = " "
    separator: str = "\n"
    stop: tuple[str, ...] = ("Q:",)
    """Paper A cuts the completion at the next `Q:`."""
    kinds: tuple[str, ...] | None = None
    """Kinds of task that the format is meant for; None for any."""
    end: ClassVar[tuple[int, ...]] = ()
    """Tokens that end a completion beside the model's own: none, since the format is text."""

    def pieces(self, instruction: str, examples: Sequence[Item], source: str) -> list[Piece]:
        """The labelled text of a prompt, ready for the completion to follow.

        Raises:
            UserError: the format shows an instruction and there is none.
        """
        if "{instruction}" in self.header and not instruction:
            raise UserError(
                f"Format {self.name!r} shows an instruction and this task has none; use 'instr_none_QA', or "
                "give it one."
            )
        pieces = []
        header = self.header.format(instruction=instruction)
        opening = self.separator
        if header:
            pieces.append(Piece("instructions", header + self.separator))
            opening = ""
        for number, item in enumerate(examples):
            pieces += self._example(f"examples.{number}", opening, item)
            opening = ""
        return [*pieces, *self._query("query", opening, source)]

    def answer(self, target: str) -> list[Piece]:
        """What follows the prompt where the reference is appended: the target, then the end of an example."""
        return [Piece("reference", target), Piece("after", self.after_target + self.separator)]

    def _query(self, path: str, opening: str, source: str) -> list[Piece]:
        return [
            Piece(f"{path}.delimiter", opening + self.before_source),
            Piece(f"{path}.source", source),
            Piece(f"{path}.delimiter", self.before_target),
        ]

    def _example(self, path: str, opening: str, item: Item) -> list[Piece]:
        return [
            *self._query(path, opening, item.source),
            Piece(f"{path}.target", item.target),
            Piece(f"{path}.delimiter", self.after_target + self.separator),
        ]


@dataclass(frozen=True)
class ChatFormat:
    """A prompt as a conversation, written by the model's own chat template: `workbench.chat.Chat` is what it becomes.

    Every example is a turn of the user, its source, and one of the assistant, its target; the query is the last turn of
    the user.
    """

    name: str
    instruction: Literal["system", "user"] | None = None
    """Where the instruction stands: in a system message, at the head of the user's first turn, or nowhere."""
    kinds: ClassVar[None] = None
    """Any kind of task."""


FORMATS = {
    format_.name: format_
    for format_ in (
        Format("instr_none_QA", header=""),
        Format(
            "instr_machine_translation",
            header="{instruction}:",
            before_target="A:",
            kinds=("translate",),
        ),
        # The header ends with a newline of its own, so that an empty line follows it.
        Format("instr_code_gen", header="Write a program for the following task:\n", kinds=("program",)),
        # Paper A has no instruction format for other tasks; this one keeps its delimiters.
        Format("instr_task", header="{instruction}:"),
    )
}

"""Formats that are text, whatever the model."""

CHAT_FORMATS = {
    format_.name: format_
    for format_ in (
        ChatFormat("chat"),
        ChatFormat("chat_instr", instruction="system"),
        ChatFormat("chat_instr_user", instruction="user"),
    )
}
"""Formats that an instruct model's tokenizer writes."""


def find_format(name: str, kind: str | None = None) -> Format | ChatFormat:
    """The format of that name, refused if it is unknown or not meant for a task of that kind."""
    known: dict[str, Format | ChatFormat] = {**FORMATS, **CHAT_FORMATS}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1) or [each for each in known if name.lower() in each.lower()]
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UserError(f"Unknown prompt format {name!r}; there are {', '.join(known)}.{hint}")
    format_ = known[name]
    if kind is not None and format_.kinds is not None and kind not in format_.kinds:
        raise UserError(
            f"Format {name!r} is for tasks of kind {', '.join(format_.kinds)}; this task is of kind "
            f"{kind!r}: use 'instr_task' or 'instr_none_QA'."
        )
    return format_
