"""A prompt as a conversation: the model's own chat template writes it, and every character keeps its segment.

What the template itself writes belongs to the turn that it opens or closes (`examples.0.delimiter`, `query.delimiter`), to
`instructions` around a system message, to `bos`, or, before the first turn, to `bos.template`: a default system message.
A space before a text is the text's, since tokenizers make it part of the word. BOS stands there once, the template's or,
where it writes none, the tokenizer's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

from workbench.chat_template import ChatTemplate, Turn, conversation
from workbench.errors import UserError
from workbench.formats import ChatFormat, Piece
from workbench.tasks.task import Item


@runtime_checkable
class Reads(Protocol):
    """What a conversation needs of a model, beside a `tokenizer` that has a chat template."""

    def encode(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids and character offsets of one tokenisation, with BOS where the tokenizer wants one."""


class Chat:
    """A chat format as one model's tokenizer writes it; used like a `workbench.formats.Format`."""

    def __init__(self, format_: ChatFormat, model: Reads) -> None:
        """Bind the format to the model.

        Raises:
            UserError: its tokenizer has no chat template, or one that cannot be used.
        """
        self.format, self._model = format_, model
        self._tokenizer: Any = getattr(model, "tokenizer", None)
        self._template = ChatTemplate(self._tokenizer)

    def pieces(self, instruction: str, examples: Sequence[Item], source: str) -> list[Piece]:
        """The labelled text of a prompt, ready for the completion to follow.

        Raises:
            UserError: the format shows an instruction and there is none, or the template leaves out, repeats or alters a
                text, or refuses a role.
        """
        turns = self._turns(instruction, examples, source)
        layout = self._template.layout(turns, ask=True)
        contents = layout.contents(self._template.written(turns, ask=True))
        pieces: list[Piece] = []
        before: Turn | None = None
        for index, turn in enumerate(layout.turns):
            opened = next((other.path for other in layout.turns[index:] if other.role != "system"), "query")
            gap = self._gap(layout.gaps[index], before, turn, opened)
            pieces += _space_to_the_word(gap, turn.as_written(contents[index]))
            before = turn
        pieces.append(Piece("query.delimiter", layout.gaps[-1]))
        return [piece for piece in pieces if piece.text]

    def answer(self, target: str) -> list[Piece]:
        """What follows the prompt where the reference is appended: the target, then the end of the assistant's turn."""
        asked = self._template.layout(conversation(3), ask=True).gaps[-1]
        *_, opening, closing = self._template.layout(conversation(4), ask=False).gaps
        # Some templates put a space before every answer but not at the end of a question: then the model writes it.
        lead = opening.removeprefix(asked) if opening.startswith(asked) else ""
        return [Piece("reference", lead + target), Piece("after", closing)]

    @property
    def end(self) -> tuple[int, ...]:
        """The special token that ends a turn of the assistant; empty if only text does."""
        return () if self._end_of_turn is None else self._end_of_turn[:1]

    @property
    def stop(self) -> tuple[str, ...]:
        """The text between a turn of the assistant and one of the user, where no special token ends the first."""
        between = self._between.strip()
        return (between,) if self._end_of_turn is None and between else ()

    @cached_property
    def _between(self) -> str:
        """What is written between an answer and the next question."""
        return self._template.layout(conversation(3), ask=False).gaps[2]

    @cached_property
    def _end_of_turn(self) -> tuple[int, int] | None:
        """The first special token between an answer and the next question, and the character where it ends."""
        ids, offsets = self._model.encode(self._between)
        added = self._tokenizer.added_tokens_decoder
        for token, (start, stop) in zip(ids, offsets, strict=True):
            if stop > start and token in added and added[token].special:
                return token, stop
        return None

    @cached_property
    def _closer(self) -> str:
        """What ends a turn of the assistant."""
        last = self._template.layout(conversation(2), ask=False).gaps[-1]
        if self._between.startswith(last):
            return last
        # Some templates end the last turn of all in another way.
        return self._between[: self._end_of_turn[1]] if self._end_of_turn is not None else ""

    def _turns(self, instruction: str, examples: Sequence[Item], source: str) -> list[Turn]:
        if self.format.instruction and not instruction:
            raise UserError(
                f"Format {self.format.name!r} shows an instruction and this task has none; use 'chat', or give it one."
            )
        turns = []
        for number, item in enumerate(examples):
            path = f"examples.{number}"
            turns.append(Turn("user", path, (Piece(f"{path}.source", item.source),)))
            turns.append(Turn("assistant", path, (Piece(f"{path}.target", item.target),)))
        turns.append(Turn("user", "query", (Piece("query.source", source),)))
        if self.format.instruction == "system":
            return [Turn("system", "instructions", (Piece("instructions", instruction),)), *turns]
        if self.format.instruction == "user":
            turns[0] = replace(turns[0], parts=(Piece("instructions", f"{instruction}:\n"), *turns[0].parts))
        return turns

    def _gap(self, text: str, before: Turn | None, after: Turn, opened: str) -> list[Piece]:
        """What the template writes before a content, labelled; `opened` is the path of the user's turn that it opens."""
        pieces = []
        opener = self._between.removeprefix(self._closer)
        if before is None:
            bos = self._tokenizer.bos_token or ""
            opener = opener.removeprefix(bos)
            pieces.append(Piece("bos", bos if text.startswith(bos) else ""))
            text = text.removeprefix(bos)
        elif before.role == "assistant" and text.startswith(self._closer):
            pieces.append(Piece(f"{before.path}.delimiter", self._closer))
            text = text.removeprefix(self._closer)
        if after.role == "assistant":
            return [*pieces, Piece(f"{after.path}.delimiter", text)]
        opens = bool(opener) and text.endswith(opener)
        head = text.removesuffix(opener) if opens else text
        owner = f"{opened}.delimiter"
        if before is None:
            owner = "instructions" if after.role == "system" and not opens else "bos.template"
        elif before.role == "system":
            owner = "instructions"
        return [*pieces, Piece(owner, head), Piece(f"{opened}.delimiter", opener if opens else "")]


def _space_to_the_word(gap: list[Piece], content: list[Piece]) -> list[Piece]:
    """The pieces of both. With the space in the gap, the token of a content's first word would begin in the gap."""
    gap = [piece for piece in gap if piece.text]
    if not gap or not gap[-1].text.endswith(" "):
        return [*gap, *content]
    *others, last = gap
    first, *rest = content
    return [*others, Piece(last.path, last.text[:-1]), Piece(first.path, f" {first.text}"), *rest]
