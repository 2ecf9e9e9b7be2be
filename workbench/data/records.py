"""The records of MBPP and HumanEval: what every one of them must hold, and the file they make."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import UserError
from workbench.tasks.rows import json_objects

_KINDS = {str: "text", int: "number", list: "list"}


@dataclass(frozen=True)
class Records:
    """A published JSONL file, one problem a line."""

    file: str
    """What the file is called."""
    repository: str
    """Where the same records are on the hub."""
    configuration: str
    splits: tuple[str, ...]
    """The hub's splits, which together are the file."""
    fields: tuple[tuple[str, type], ...]
    """Names and types, in the order of the published file."""
    ids: tuple[Any, ...]
    """Every `task_id`, in the order of the published file."""

    def checked(self, content: bytes, path: Path) -> int:
        """How many records there are.

        Raises:
            UserError: a line is no record, a field is missing or of another type, or the ids are not the published.
        """
        names = [name for name, _ in self.fields]
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UserError(f"{path} is not UTF-8 text (byte {error.start}); download it again.") from error
        ids = []
        for number, row in json_objects(text, path, names):
            for name, kind in self.fields:
                if not isinstance(row.get(name), kind):
                    raise UserError(
                        f"The field {name!r} in line {number} of {path} is {row.get(name)!r:.60}; {self.file} has a "
                        f"{_KINDS[kind]} there: download it again."
                    )
            ids.append(row["task_id"])
        if tuple(ids) != self.ids:
            raise UserError(
                f"{path} has {len(ids)} records; {self.file} as published has {len(self.ids)}, with the ids "
                f"{self.ids[0]} to {self.ids[-1]} in order: download it again."
            )
        return len(ids)

    def written(self, rows: Iterable[Mapping[str, Any]]) -> bytes:
        """Records of the hub as the published file has them: its order, its fields, a line each."""
        order = {task_id: place for place, task_id in enumerate(self.ids)}
        # What is missing or unknown is left for `checked` to refuse.
        known = sorted(rows, key=lambda row: order.get(row.get("task_id"), len(order)))
        lines = (json.dumps({name: row.get(name) for name, _ in self.fields}) for row in known)
        return "".join(f"{line}\n" for line in lines).encode()


MBPP = Records(
    file="mbpp.jsonl",
    repository="google-research-datasets/mbpp",
    configuration="full",
    splits=("prompt", "test", "validation", "train"),
    fields=(
        ("text", str),
        ("code", str),
        ("task_id", int),
        ("test_setup_code", str),
        ("test_list", list),
        ("challenge_test_list", list),
    ),
    ids=tuple(range(1, 975)),
)
HUMANEVAL = Records(
    file="HumanEval.jsonl",
    repository="openai/openai_humaneval",
    configuration="openai_humaneval",
    splits=("test",),
    fields=(("task_id", str), ("prompt", str), ("entry_point", str), ("canonical_solution", str), ("test", str)),
    ids=tuple(f"HumanEval/{number}" for number in range(164)),
)
