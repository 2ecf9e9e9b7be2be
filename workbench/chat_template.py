"""A chat template and where it puts the texts it is given, to the character.

A template is a program, so nothing is assumed of what it writes. It is run once with marks in place of the texts, which
shows where each text goes and what stands between, and once with the texts themselves; what it then writes must be the
same with the marks replaced, or with the outer white space of a text taken off, as many templates do. Anything else is
refused: a segment that is nearly right would be silently wrong.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from workbench.errors import UserError
from workbench.formats import Piece

DATE = datetime.date(2024, 7, 26)
"""The date that templates get which write today's, so that a prompt is the same every day: Llama 3.1's own default."""
_TODAY = re.compile(r"strftime_now\(\s*(['\"])(.*?)\1\s*\)")
_CONTENT = {"system": "the instruction", "user": "a source", "assistant": "an answer"}
_INSTEAD = "use a format of text such as 'instr_none_QA'"


@dataclass(frozen=True)
class Turn:
    """A message, and what its content is made of."""

    role: str
    """`system`, `user` or `assistant`."""
    path: str
    """Segment that the turn is: `instructions`, `examples.0`, `query`."""
    parts: tuple[Piece, ...]

    @property
    def content(self) -> str:
        """What the template is given."""
        return "".join(part.text for part in self.parts)

    @property
    def described(self) -> str:
        """The content in a word, for an error message."""
        return "the query" if self.path == "query" else _CONTENT[self.role]

    def as_written(self, text: str) -> list[Piece]:
        """The parts of what the template wrote: of the content, or of the content without its outer white space."""
        start = 0 if text == self.content else len(self.content) - len(self.content.lstrip())
        stop, position = start + len(text), 0
        pieces = []
        for part in self.parts:
            kept = part.text[max(0, start - position) : max(0, stop - position)]
            pieces.append(Piece(part.path, kept))
            position += len(part.text)
        return pieces


def conversation(count: int) -> tuple[Turn, ...]:
    """So many turns of user and assistant, to see what a template writes around any."""
    roles = ("user", "assistant")
    return tuple(Turn(roles[index % 2], f"examples.{index // 2}", (Piece("", "text"),)) for index in range(count))


@dataclass(frozen=True)
class Layout:
    """Where a template puts the contents of turns."""

    turns: tuple[Turn, ...]
    """In the order in which their contents are written: some templates put the system message last."""
    gaps: tuple[str, ...]
    """What the template itself writes: before the first content, between each two, after the last."""

    def contents(self, written: str) -> list[str]:
        """Each turn's content as the template wrote it: as it is, or without its outer white space.

        Raises:
            UserError: it altered one in another way.
        """
        position = len(self.gaps[0])
        contents = []
        for turn, gap in zip(self.turns, self.gaps[1:], strict=True):
            kept = [text for text in (turn.content, turn.content.strip()) if written.startswith(text + gap, position)]
            if not kept:
                raise UserError(_altered(turn))
            contents.append(kept[0])
            position += len(kept[0] + gap)
        if position != len(written) or not written.startswith(self.gaps[0]):
            raise UserError(_altered(self.turns[-1]))
        return contents


class ChatTemplate:
    """The chat template of a tokenizer of transformers, run in its sandbox."""

    def __init__(self, tokenizer: Any) -> None:
        """Take the tokenizer's template.

        Raises:
            UserError: it has none, or one that writes today's date in a way that cannot be held still.
        """
        if not getattr(tokenizer, "chat_template", None):
            raise UserError(f"The model's tokenizer has no chat template: {_INSTEAD}, or an instruct model.")
        self._tokenizer = tokenizer
        self._template = _held_still(tokenizer.get_chat_template())

    def written(self, turns: Sequence[Turn], *, ask: bool) -> str:
        """What the template writes of turns; with `ask`, as far as the beginning of the assistant's next.

        Raises:
            UserError: it refuses them.
        """
        import jinja2

        try:
            return str(
                self._tokenizer.apply_chat_template(
                    [{"role": turn.role, "content": turn.content} for turn in turns],
                    chat_template=self._template,
                    tokenize=False,
                    add_generation_prompt=ask,
                    # Templates of models that think first then open and close an empty thought: the answer comes at once.
                    enable_thinking=False,
                )
            )
        # A template is somebody's program: beside its own refusals it may fail on anything.
        except (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise UserError(self._refusal(turns, " ".join(str(error).split()).rstrip("."))) from error

    def layout(self, turns: Sequence[Turn], *, ask: bool) -> Layout:
        """Where the template puts each content, seen by running it with marks instead.

        Raises:
            UserError: it refuses the turns, leaves one out, repeats it, or changes their order.
        """
        marks = [f"contentmark{index}end" for index in range(len(turns))]
        marked = [replace(turn, parts=(Piece("", mark),)) for turn, mark in zip(turns, marks, strict=True)]
        text = self.written(marked, ask=ask)
        for turn, mark in zip(turns, marks, strict=True):
            _refuse_lost(turn, text.count(mark))
        order = sorted(range(len(turns)), key=lambda index: text.index(marks[index]))
        spoken = [index for index in order if turns[index].role != "system"]
        if spoken != sorted(spoken):
            raise UserError(f"The model's chat template changes the order of the turns: {_INSTEAD}.")
        return Layout(tuple(turns[index] for index in order), tuple(re.split("|".join(marks), text)))

    def _refusal(self, turns: Sequence[Turn], said: str) -> str:
        if turns[0].role == "system" and self._accepts(turns[1:]):
            return (
                f"The model's chat template refuses a system message ({said}): use 'chat_instr_user', which puts the "
                "instruction into the first turn of the user, or 'chat', without instruction."
            )
        if len(turns) > 1 and self._accepts(conversation(1)):
            return (
                f"The model's chat template refuses turns of user and assistant one after the other ({said}): "
                f"{_INSTEAD}."
            )
        return f"The model's chat template cannot be run ({said}): {_INSTEAD}."

    def _accepts(self, turns: Sequence[Turn]) -> bool:
        try:
            self.written(turns, ask=True)
        except UserError:
            return False
        return True


def _held_still(template: str) -> str:
    """The template with `DATE` for today."""
    fixed = _TODAY.sub(lambda call: repr(DATE.strftime(call[2])), template)
    if "strftime_now(" in fixed:
        raise UserError(
            "The model's chat template writes today's date in a way that cannot be held still, so numbers would change "
            f"from day to day: {_INSTEAD}."
        )
    return fixed


def _refuse_lost(turn: Turn, count: int) -> None:
    if count == 1:
        return
    how = f"writes {turn.described} {count} times" if count else f"swallows {turn.described}: it is not in the prompt"
    other = "use 'chat_instr_user'" if turn.role == "system" else _INSTEAD
    raise UserError(f"The model's chat template {how}; each text must stand there once. Instead {other}.")


def _altered(turn: Turn) -> str:
    shown = turn.content if len(turn.content) <= 60 else f"{turn.content[:57]}..."
    return (
        f"The model's chat template alters {turn.described} or what stands around it ({shown!r}), so its tokens cannot be "
        f"told apart: {_INSTEAD}, or leave this text out."
    )
