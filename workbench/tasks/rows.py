"""Rows of the files that people give: reading them, checking them, and dividing them into pool and test."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from workbench.errors import UserError
from workbench.random_streams import stream
from workbench.tasks.checksums import verify
from workbench.tasks.task import Item

Row = TypeVar("Row")


def read_text(path: Path, name: str) -> str:
    """A file's text, line ends as `\\n`, for the task `name`.

    Raises:
        UserError: there is no such file, it cannot be read, is not UTF-8, or is not what was once prepared.
    """
    if not path.is_file():
        raise UserError(f"There is no file {path} (task {name!r}); give the path of a file after the colon.")
    try:
        content = path.read_bytes()
        verify(path, content)
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from error


def numbered(content: str) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers from 1."""
    return ((number, line) for number, line in enumerate(content.split("\n"), 1) if line.strip())


def json_objects(content: str, path: Path, fields: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSONL file, one a line, with their lines' numbers; `fields` are for the error message.

    Raises:
        UserError: a line is not JSON, or not an object.
    """
    for number, line in numbered(content):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"Line {number} of {path} is not JSON: {error.msg} at column {error.colno}.") from error
        if not isinstance(row, dict):
            wanted = " and ".join([", ".join(fields[:-1]), fields[-1]])
            raise UserError(f"Line {number} of {path} is not an object with the fields {wanted}.")
        yield number, row


def with_texts(row: Mapping[str, Any], fields: Sequence[str], where: str) -> dict[str, str]:
    """The row's texts; refused if one of `fields` is missing or holds none. `where` is "line 3 of FILE"."""
    for field in fields:
        if field not in row:
            place = where[0].upper() + where[1:]
            raise UserError(f"{place} has no field {field!r}; it has {', '.join(row) or 'none'}.")
        if not isinstance(row[field], str) or not row[field].strip():
            raise UserError(f"The {field} in {where} is {row[field]!r}; expected some text.")
    return {field: value for field, value in row.items() if isinstance(value, str)}


def divided(rows: Sequence[Row], pool_share: float, *names: str) -> tuple[list[Row], list[Row]]:
    """Pool and test, drawn without a seed of the user's: the same rows are always divided in the same way.

    Both have at least one row where there are two.
    """
    order = stream(0, "division", *names).permutation(len(rows))
    size = min(max(1, round(pool_share * len(rows))), len(rows) - 1)
    return [rows[int(index)] for index in order[:size]], [rows[int(index)] for index in order[size:]]


def items(name: str, split: str, pairs: Iterable[tuple[str, str]]) -> tuple[Item, ...]:
    """Sources and targets as items of the task `name`, numbered from 0."""
    return tuple(Item(f"{name}/{split}/{number}", source, target) for number, (source, target) in enumerate(pairs))
