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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.errors import UserError
from workbench.tasks.family import Family
from workbench.tasks.rows import items, json_objects, numbered, read_text, with_texts
from workbench.tasks.task import Task

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
    content = read_text(path, name)
    rows = list(_tsv(content, path) if form == "tsv" else _jsonl(content, path))
    if not rows:
        raise UserError(f"{path} has no rows; each row gives a source and a target.")
    pool, test = _split(rows, path)
    _refuse_shared(pool, test, path)
    # An answer of several lines must not be cut at its first.
    one_line = not any("\n" in row["target"] for _, row in rows)
    return Task(
        name=name,
        kind=_setting(rows, "kind", "own", path),
        instruction=_setting(rows, "instruction", "", path),
        pool=items(name, "pool", _pairs(pool)),
        test=items(name, "test", _pairs(test)),
        score=_setting(rows, "score", "exact_match", path),
        stop=("\n",) if one_line else (),
        digest=hashlib.sha256(content.encode()).hexdigest(),
        # The folder says nothing about the data: a file that was moved shows the same examples.
        drawn_as=f"{form}:{path.name}",
    )


FAMILIES = (
    Family("tsv:PATH", "own", "your own file: columns source and target, named in the first line", build),
    Family("jsonl:PATH", "own", "your own file: fields source and target, one JSON object per line", build),
)


def _tsv(content: str, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    lines = numbered(content)
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
        yield number, _texts(dict(zip(columns, cells, strict=True)), number, path)


def _jsonl(content: str, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    return ((number, _texts(row, number, path)) for number, row in json_objects(content, path, REQUIRED))


def _texts(row: Mapping[str, Any], number: int, path: Path) -> dict[str, str]:
    return with_texts(row, REQUIRED, f"line {number} of {path}")


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


def _pairs(rows: Rows) -> Iterator[tuple[str, str]]:
    return ((row["source"], row["target"]) for _, row in rows)
