"""One hash for everything on disk that decides what a model computes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

CHUNK = 1 << 20
"""Bytes read at a time: a checkpoint is larger than memory should hold twice."""


def digest(files: Iterable[Path]) -> str:
    """SHA-256, in hexadecimal, over names, lengths and contents of the files.

    It depends neither on the order of the files nor on the folder they lie in. Names and lengths are hashed
    too: bytes that move from the end of one file to the beginning of the next make another model.
    """
    total = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.name):
        total.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                total.update(chunk)
    return total.hexdigest()
