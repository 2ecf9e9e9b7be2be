"""Completions as they grow, and the rules that end them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

from workbench.prompts import Prompt

Stopped = Literal["stop", "eos", "length"]


@runtime_checkable
class Decodes(Protocol):
    """What a completion needs of a model."""

    @property
    def eos(self) -> frozenset[int]:
        """Tokens that end a text."""

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of tokens, special ones left out."""


class Completions:
    """The completions of a batch. A row that has stopped ignores what comes after."""

    def __init__(self, model: Decodes, prompts: Sequence[Prompt]) -> None:
        self._model = model
        self._prompts = prompts
        self._tokens: list[list[int]] = [[] for _ in prompts]
        self._margins: list[list[float]] = [[] for _ in prompts]
        self._stopped: list[Stopped | None] = [None if prompt.max_new_tokens > 0 else "length" for prompt in prompts]

    @property
    def finished(self) -> bool:
        """Whether every row has stopped."""
        return all(self._stopped)

    def append(self, tokens: Sequence[int], margins: Sequence[float]) -> None:
        """Add each row's next token, and the margin by which it was chosen."""
        for row, (token, margin) in enumerate(zip(tokens, margins, strict=True)):
            self.append_to(row, token, margin)

    def append_to(self, row: int, token: int, margin: float) -> None:
        """Add one row's next token; ignored if the row has stopped."""
        if self._stopped[row] is None:
            self._tokens[row].append(token)
            self._margins[row].append(margin)
            self._stopped[row] = self._stop(row, token)

    def stopped(self, row: int) -> bool:
        """Whether a row has stopped."""
        return self._stopped[row] is not None

    def leave_out(self, row: int) -> None:
        """Stop a row before it begins: nobody asked for its completion."""
        self._stopped[row] = "length"

    def row(self, row: int) -> tuple[tuple[int, ...], str, Stopped]:
        """A row's tokens, its text up to the stop string, and what ended it."""
        text = self._model.decode(self._tokens[row])
        cuts = [text.find(stop) for stop in self._prompts[row].stop]
        text = text[: min((cut for cut in cuts if cut >= 0), default=len(text))]
        # A program's first line may be indented.
        text = text if self._prompts[row].tests else text.strip()
        return tuple(self._tokens[row]), text, self._stopped[row] or "length"

    def margins(self, row: int) -> tuple[float, ...]:
        """By how much each token of a row was chosen."""
        return tuple(self._margins[row])

    def _stop(self, row: int, token: int) -> Stopped | None:
        prompt = self._prompts[row]
        if token in self._model.eos or token in prompt.end:
            return "eos"
        text = self._model.decode(self._tokens[row])
        if any(stop in text for stop in prompt.stop):
            return "stop"
        return "length" if len(self._tokens[row]) >= prompt.max_new_tokens else None
