"""Tokens as a person writes them: from texts to ids, and back."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.errors import UserError
from workbench.models.model import Model


def token_label(model: Model, token: int) -> str:
    """The text of a token, spaces and all; its name in the vocabulary where it is no whole text."""
    text = str(model.tokenizer.decode([token], skip_special_tokens=False, clean_up_tokenization_spaces=False))
    name = model.tokenizer.convert_ids_to_tokens(token)
    if not text or "\ufffd" in text:
        return str(name) if name is not None else f"[{token}]"
    # Decoding alone drops the space that some tokenizers (Llama 2's) write as a letter of its own.
    return f" {text}" if str(name).startswith("▁") and not text.startswith(" ") else text


def named_tokens(model: Model, texts: Sequence[str]) -> dict[str, int]:
    """The token of each text.

    Raises:
        UserError: a text is not one token of this model.
    """
    by_label: dict[str, int] = {}
    if texts:
        for token in range(int(model.hooked.cfg.d_vocab)):
            by_label.setdefault(token_label(model, token), token)
    found = {}
    for text in texts:
        if text not in by_label:
            near = [repr(other) for other in (f"{text} ", f" {text}", text.strip()) if other in by_label]
            hint = f"did you mean {' or '.join(near)}?" if near else "a longer text is several tokens: give its first."
            raise UserError(f"{text!r} is no token of {model.name}; {hint}")
        found[text] = by_label[text]
    return found
