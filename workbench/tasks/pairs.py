"""Word pairs in the format of the function-vectors data: `pairs:PATH`.

Todd et al. (2024, "Function vectors in large language models") publish their tasks (antonyms, capitals, English to
French ...) as JSON files, a list of objects with `input` and `output`. Seven tenths of the pairs are the pool of
examples, three tenths are tested, as there; the division is the same every time.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from workbench.errors import UserError
from workbench.tasks.family import Family
from workbench.tasks.rows import divided, items, read_text, with_texts
from workbench.tasks.task import Task

POOL_SHARE = 0.7
FIELDS = ("input", "output")


def build(name: str, data: Path | None = None) -> Task:
    """The task `pairs:PATH`. The path stands in the name, so `data` is not looked at.

    Of several pairs with one input the first counts: what is tested must not stand among the examples.

    Raises:
        UserError: the file cannot be read, is no list of such pairs, or has fewer than two inputs.
    """
    path = Path(name.partition(":")[2]).expanduser()
    content = read_text(path, name)
    unique: dict[str, str] = {}
    for source, target in _pairs(content, path):
        unique.setdefault(source, target)
    if len(unique) < 2:
        raise UserError(f"{path} has {len(unique)} pairs; two or more are needed to show one and ask for another.")
    pool, test = divided(list(unique.items()), POOL_SHARE, "pairs")
    return Task(
        name=name,
        kind="word-pair",
        instruction="",
        pool=items(name, "pool", pool),
        test=items(name, "test", test),
        score="exact_match",
        stop=("\n",),
        max_new_tokens=16,
        digest=hashlib.sha256(content.encode()).hexdigest(),
        drawn_as=f"pairs:{path.name}",
    )


FAMILIES = (Family("pairs:PATH", "word-pair", "your own JSON file: a list of objects with input and output", build),)


def _pairs(content: str, path: Path) -> list[tuple[str, str]]:
    try:
        rows = json.loads(content)
    except json.JSONDecodeError as error:
        raise UserError(f"{path} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{path} is not a list of objects with the fields input and output.")
    checked = (with_texts(row, FIELDS, f"pair {number} of {path}") for number, row in enumerate(rows, 1))
    return [(row["input"], row["output"]) for row in checked]
