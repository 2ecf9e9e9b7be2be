"""The models known by name. Plain data: importable without torch, so that lists and `--help` are quick.

A name here is a convenience. Any folder or hub id of a supported architecture loads as well. Figures are those of the
models' own `config.json`; parameters are counted from its shapes, embeddings once where they are tied.
"""

from __future__ import annotations

import csv
import difflib
import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

MINI = Path(__file__).parent / "mini"
BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
"""Bytes that a parameter takes, by name of the dtype."""

PYTHIA_STEPS = (0, *(2**power for power in range(10)), *range(1000, 143001, 1000))
"""Training steps at which every Pythia was saved: 154 (Biderman et al. 2023)."""


@dataclass(frozen=True)
class Entry:
    """A model known by name."""

    name: str
    hub: str | None
    """Id on the Hugging Face hub; None for the embedded model."""
    architecture: str
    """Label of an entry of `workbench.models.architectures`."""
    layers: int | None
    """None for the embedded model while it is missing; so are heads, window and parameters."""
    heads: int | None
    key_value_heads: int | None
    window: int | None
    """Longest sequence, in tokens."""
    parameters: int | None = None
    gated: bool = False
    """Whether the hub wants an accepted licence and a token."""
    revisions: str = ""
    """How the revisions with checkpoints of its training are called, for `--revision`; empty if there are none."""

    def size(self, dtype: str) -> int | None:
        """Bytes that the parameters take in a dtype of `BYTES`."""
        return None if self.parameters is None else self.parameters * BYTES[dtype]


def entries() -> tuple[Entry, ...]:
    """Every model known by name, the embedded one first."""
    return (_embedded(), *_published())


def pythia_revisions() -> tuple[str, ...]:
    """Names of the 154 revisions of every Pythia on the hub, in the order of training."""
    return tuple(f"step{step}" for step in PYTHIA_STEPS)


def mini_revisions() -> tuple[str, ...]:
    """Names of the embedded model's training checkpoints, in the order of training."""
    folders = (MINI / "checkpoints").glob("step-*")
    return tuple(sorted((folder.name for folder in folders), key=lambda name: int(name.removeprefix("step-"))))


@cache
def _published() -> tuple[Entry, ...]:
    with Path(__file__).with_name("registry.tsv").open(encoding="utf-8", newline="") as stream:
        return tuple(_entry(row) for row in csv.DictReader(stream, delimiter="\t"))


def _entry(row: dict[str, str]) -> Entry:
    numbers = ("layers", "heads", "key_value_heads", "window", "parameters")
    return Entry(
        name=row["name"],
        hub=row["hub"],
        architecture=row["architecture"],
        **{field: int(row[field]) for field in numbers},
        gated=row["gated"] == "yes",
        revisions=row["revisions"],
    )


def _embedded() -> Entry:
    """The embedded model as its own files describe it, so that a retrained one needs no edit here."""
    path = MINI / "config.json"
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return Entry(
        name="mini",
        hub=None,
        architecture="Llama",
        layers=config.get("num_hidden_layers"),
        heads=config.get("num_attention_heads"),
        key_value_heads=config.get("num_key_value_heads"),
        window=config.get("max_position_embeddings"),
        parameters=_count(MINI / "model.safetensors"),
        revisions=", ".join(mini_revisions()),
    )


def _count(weights: Path) -> int | None:
    """Numbers in a safetensors file, read from its header: eight bytes of length, then JSON."""
    if not weights.is_file():
        return None
    with weights.open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


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
