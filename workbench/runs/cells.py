"""Cells: the units of work of a run, and the key that says which numbers a cell must hold.

A cell is any frozen dataclass of plain values. Its key hashes everything that can change its numbers, so that
a finished cell can be trusted if, and only if, its key is the one that is asked for now.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

_PLAIN = (str, bool, int, float, type(None))


@dataclasses.dataclass(frozen=True)
class Slot:
    """A cell's place in a run."""

    index: int
    """In the order of the analysis, which is the order of the rows in the run's tables."""
    cell: Any
    key: str

    @property
    def name(self) -> str:
        """The cell's file name, without what follows the dot."""
        return f"{self.index:04d}-{self.key[:12]}"

    @property
    def described(self) -> str:
        """The cell for a person: `task=translate-en-fr, seed=0`."""
        return ", ".join(f"{name}={value}" for name, value in plain(self.cell).items())


def cell_key(
    analysis_name: str,
    config_fields_that_matter: Mapping[str, Any],
    cell: Any,
    model_digest: str,
    task_digest: str,
    versions: Mapping[str, str],
) -> str:
    """SHA-256, in hexadecimal, over everything that can change the numbers of a cell.

    Neither the order of the settings nor the kind of a sequence (list or tuple) makes a difference.

    Raises:
        TypeError: a setting or the cell holds something that is not plain.
    """
    content = {
        "analysis": analysis_name,
        "settings": plain(config_fields_that_matter),
        "cell": plain(cell),
        "model": model_digest,
        "task": task_digest,
        "versions": plain(versions),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def plain(value: Any) -> Any:
    """A value as YAML and JSON can hold it: dataclasses as mappings, tuples as lists, paths as text.

    Raises:
        TypeError: there is no faithful way to write it down.
    """
    if isinstance(value, _PLAIN):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(
        f"A setting or cell must be made of text, numbers, truth values, paths, tuples and dataclasses. "
        f"Got {value!r} ({type(value).__name__})."
    )
