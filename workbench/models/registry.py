"""The models known by name. Plain data: importable without torch, so that lists and `--help` are quick.

A name here is a convenience. Any folder or hub id of a supported architecture loads as well. Figures are
those of the models' own `config.json`.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path

MINI = Path(__file__).parent / "mini"


@dataclass(frozen=True)
class Entry:
    """A model known by name."""

    name: str
    hub: str | None
    """Id on the Hugging Face hub; None for the embedded model."""
    architecture: str
    """Label of an entry of `workbench.models.architectures`."""
    layers: int | None
    """None for the embedded model while it is missing; so are heads and window."""
    heads: int | None
    key_value_heads: int | None
    window: int | None
    """Longest sequence, in tokens."""
    gated: bool = False
    """Whether the hub wants an accepted licence and a token."""


_PUBLISHED = (
    Entry("gpt2", "openai-community/gpt2", "GPT-2", 12, 12, 12, 1024),
    Entry("gpt2-medium", "openai-community/gpt2-medium", "GPT-2", 24, 16, 16, 1024),
    Entry("gpt2-large", "openai-community/gpt2-large", "GPT-2", 36, 20, 20, 1024),
    Entry("gpt2-xl", "openai-community/gpt2-xl", "GPT-2", 48, 25, 25, 1024),
    Entry("gpt-neo-125M", "EleutherAI/gpt-neo-125m", "GPT-Neo", 12, 12, 12, 2048),
    Entry("gpt-neo-1.3B", "EleutherAI/gpt-neo-1.3B", "GPT-Neo", 24, 16, 16, 2048),
    Entry("gpt-neo-2.7B", "EleutherAI/gpt-neo-2.7B", "GPT-Neo", 32, 20, 20, 2048),
    Entry("Llama-7b", "huggyllama/llama-7b", "Llama", 32, 32, 32, 2048),
    Entry("Llama-2-7b", "meta-llama/Llama-2-7b-hf", "Llama", 32, 32, 32, 4096, gated=True),
    Entry("Llama-2-7b-chat", "meta-llama/Llama-2-7b-chat-hf", "Llama", 32, 32, 32, 4096, gated=True),
    Entry("Llama-3.1-8B", "meta-llama/Llama-3.1-8B", "Llama", 32, 32, 8, 131072, gated=True),
    Entry(
        "Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B-Instruct", "Llama", 32, 32, 8, 131072, gated=True
    ),
    Entry("Llama-3.1-70B", "meta-llama/Llama-3.1-70B", "Llama", 80, 64, 8, 131072, gated=True),
)


def entries() -> tuple[Entry, ...]:
    """Every model known by name, the embedded one first."""
    return (_embedded(), *_PUBLISHED)


def _embedded() -> Entry:
    """The embedded model as its own config.json describes it, so that a retrained one needs no edit here."""
    path = MINI / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return Entry(
        name="mini",
        hub=None,
        architecture="Llama",
        layers=config.get("num_hidden_layers"),
        heads=config.get("num_attention_heads"),
        key_value_heads=config.get("num_key_value_heads"),
        window=config.get("max_position_embeddings"),
    )


def find(name: str) -> Entry | None:
    """The entry of that name or hub id, whatever the case of its letters; None if there is none."""
    wanted = name.lower()
    for entry in entries():
        if wanted in (entry.name.lower(), (entry.hub or "").lower()):
            return entry
    return None


def nearest(name: str, count: int = 3) -> list[str]:
    """Names most like the given one, for an error message; empty if none is like it."""
    # A hub id is compared by its own name: nobody mistypes the organisation alone.
    wanted = name.rsplit("/", maxsplit=1)[-1].lower()
    by_lower = {entry.name.lower(): entry.name for entry in entries()}
    return [by_lower[match] for match in difflib.get_close_matches(wanted, by_lower, n=count, cutoff=0.5)]
