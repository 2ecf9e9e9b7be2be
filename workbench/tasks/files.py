"""Tasks from the user's own data: `tsv:PATH` and `jsonl:PATH`.

A TSV file begins with a line of column names; a JSONL file has one object per line. Every row has a `source`
and a `target`. Optional columns or fields:

- `split`: `pool` (examples are drawn from it) or `test`. Without it the first fifth of the rows is the pool.
- `instruction`, `kind`, `score`: about the whole task, so that every row must say the same. Without them
  there
  is no instruction (formats that show one are refused), the kind is "own", and the score is exact match.

TSV knows no quoting: a cell is what stands between two tabs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.errors import UserError
from workbench.tasks.family import Family
from workbench.tasks.task import Item, Task

REQUIRED = ("source", "target")
Rows = list[tuple[int, dict[str, str]]]
"""Each row with the number of its line."""


def build(name: str, data: Path | None = None) -> Task:
    """The task `tsv:PATH` or `jsonl:PATH`. The path stands in the name, so `data` is not looked at.

    Raises:
        UserError: the file cannot be read, is empty, or a row is not as it should be (with its line's
            number).
    """
    form, _, given = name.partition(":")
    path = Path(given).expanduser()
    content = _content(path, name)
    rows = list(_tsv(content, path) if form == "tsv" else _jsonl(content, path))
    if not rows:
        raise UserError(f"{path} has no rows; each row gives a source and a target.")
    pool, test = _split(rows, path)
    items = {"pool": _items(name, "pool", pool), "test": _items(name, "test", test)}
    _refuse_shared(pool, test, path)
    # An answer of several lines must not be cut at its first.
    one_line = not any("\n" in row["target"] for _, row in rows)
    return Task(
        name=name,
        kind=_setting(rows, "kind", "own", path),
        instruction=_setting(rows, "instruction", "", path),
        pool=items["pool"],
        test=items["test"],
        score=_setting(rows, "score", "exact_match", path),
        stop=("\n",) if one_line else (),
        digest=hashlib.sha256(content.encode()).hexdigest(),
    )


FAMILIES = (
    Family("tsv:PATH", "own", "your own file: columns source and target, named in the first line", build),
    Family("jsonl:PATH", "own", "your own file: fields source and target, one JSON object per line", build),
)


def _content(path: Path, name: str) -> str:
    if not path.is_file():
        raise UserError(f"There is no file {path} (task {name!r}); give the path of a file after the colon.")
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from error


def _numbered(content: str) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers."""
    return ((number, line) for number, line in enumerate(content.split("\n"), 1) if line.strip())


def _tsv(content: str, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    lines = _numbered(content)
    columns = [column.strip() for column in next(lines, (1, ""))[1].split("\t")]
    if columns == [""]:
        raise UserError(f"{path} is empty; its first line should name the columns: source, target.")
    missing = [column for column in REQUIRED if column not in columns]
    if missing:
        raise UserError(
            f"{path} has no column {' and no column '.join(missing)}; its first line names "
            f"{', '.join(columns)}. Columns stand apart by tabs."
        )
    for number, line in lines:
        cells = line.split("\t")
        if len(cells) != len(columns):
            raise UserError(f"Line {number} of {path} has {len(cells)} cells; the first line names {len(columns)}.")
        yield number, _checked(dict(zip(columns, cells, strict=True)), number, path)


def _jsonl(content: str, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in _numbered(content):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"Line {number} of {path} is not JSON: {error.msg} at column {error.colno}.") from error
        if not isinstance(row, dict):
            raise UserError(f"Line {number} of {path} is not an object with the fields source and target.")
        yield number, _checked(row, number, path)


def _checked(row: Mapping[str, Any], number: int, path: Path) -> dict[str, str]:
    for field in REQUIRED:
        if field not in row:
            raise UserError(f"Line {number} of {path} has no field {field!r}; it has {', '.join(row) or 'none'}.")
        if not isinstance(row[field], str) or not row[field].strip():
            raise UserError(f"The {field} in line {number} of {path} is {row[field]!r}; expected some text.")
    return {field: value for field, value in row.items() if isinstance(value, str)}


def _split(rows: Rows, path: Path) -> tuple[Rows, Rows]:
    """Pool and test, as the rows say or by their order."""
    if not any("split" in row for _, row in rows):
        if len(rows) < 2:
            raise UserError(f"{path} has one row; at least one to draw examples from and one to test on are needed.")
        size = max(1, len(rows) // 5)
        return rows[:size], rows[size:]
    chosen: dict[str, Rows] = {"pool": [], "test": []}
    for number, row in rows:
        if row.get("split") not in chosen:
            raise UserError(f"The split in line {number} of {path} is {row.get('split')!r}; expected 'pool' or 'test'.")
        chosen[row["split"]].append((number, row))
    for split, members in chosen.items():
        if not members:
            raise UserError(f"{path} has no row with the split {split!r}; both 'pool' and 'test' are needed.")
    return chosen["pool"], chosen["test"]


def _refuse_shared(pool: Rows, test: Rows, path: Path) -> None:
    """A tested source among the examples would give its answer away."""
    seen = {row["source"]: number for number, row in pool}
    for number, row in test:
        if row["source"] in seen:
            raise UserError(
                f"The source in line {number} of {path} is tested, but line {seen[row['source']]} offers it "
                "as an example; keep one of the two."
            )


def _setting(rows: Rows, field: str, default: str, path: Path) -> str:
    first = rows[0][1].get(field, default)
    for number, row in rows:
        if row.get(field, default) != first:
            raise UserError(
                f"The {field} in line {number} of {path} differs from that in line {rows[0][0]}; it is about "
                "the whole task, so every row should say the same."
            )
    return first


def _items(name: str, split: str, rows: Sequence[tuple[int, Mapping[str, str]]]) -> tuple[Item, ...]:
    return tuple(Item(f"{name}/{split}/{n}", row["source"], row["target"]) for n, (_, row) in enumerate(rows))
