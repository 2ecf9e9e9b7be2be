"""Files that are either whole or not there, and what they hash to."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

PART = ".part"
"""Ending of a file that is still being written; whoever finds one may delete it."""


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Have `write` fill a file beside `path`, and give it its name when it is on the disk.

    A process killed at any moment leaves the old file, or the new one, or a `.part` beside it.
    """
    part = path.with_name(path.name + PART)
    write(part)
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    part.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file whole, for people to read too."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
