"""Whether a file is still what `workbench data prepare` wrote.

Beside prepared data stands `checksums.json`. Tasks that read such a file compare it; files of folders that were not
prepared have no record and pass.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from workbench.errors import UserError

CHECKSUMS = "checksums.json"
MADE_BY = "workbench data prepare"
"""Stands in every record, so that another program's file of that name is left alone."""


def sha256(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def verify(path: Path, content: bytes) -> None:
    """Refuse content that differs from the record in the file's folder, or the folder above it.

    Raises:
        UserError: the file was prepared and has changed since, or the record cannot be read.
    """
    for folder in path.parents[:2]:
        record = read_record(folder)
        files = record["files"] if record else {}
        name = path.relative_to(folder).as_posix()
        if name in files:
            _compare(path, content, files[name]["sha256"])
            return


def verify_folder(folder: Path) -> int:
    """Compare every file of a prepared folder with its record, and count them.

    Raises:
        UserError: the folder was not prepared, or a file is missing or has changed.
    """
    record = read_record(folder)
    if record is None:
        raise UserError(f"{folder} holds no {CHECKSUMS} of `{MADE_BY}`; give a folder that was prepared.")
    for name, facts in record["files"].items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"{path} is missing, though {folder / CHECKSUMS} lists it; prepare the data again.")
        _compare(path, path.read_bytes(), facts["sha256"])
    return len(record["files"])


def read_record(folder: Path) -> dict[str, Any] | None:
    """What stands in the folder's record, None where it has none.

    Raises:
        UserError: the record is damaged.
    """
    path = folder / CHECKSUMS
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); prepare the data again.") from error
    return record if isinstance(record, dict) and record.get("made_by") == MADE_BY else None


def _compare(path: Path, content: bytes, recorded: str) -> None:
    found = sha256(content)
    if found != recorded:
        raise UserError(
            f"{path} has changed since it was prepared (sha256 {found[:12]}, recorded {recorded[:12]}); prepare the "
            "data again."
        )
