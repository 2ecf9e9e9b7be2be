"""Every task by name. Families are found by looking through this folder: a new one is one new file."""

from __future__ import annotations

import difflib
import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path

from workbench import tasks
from workbench.errors import UserError
from workbench.tasks.family import Family
from workbench.tasks.task import Task


@cache
def families() -> tuple[Family, ...]:
    """Every family, in the order of the files' names."""
    found: list[Family] = []
    for module in pkgutil.iter_modules(tasks.__path__, f"{tasks.__name__}."):
        # A folder keeps its tasks in its own tasks.py.
        name = f"{module.name}.tasks" if module.ispkg else module.name
        found += getattr(import_module(name), "FAMILIES", ())
    return tuple(found)


def find_task(name: str, *, data: Path | None = None) -> Task:
    """The task of that name.

    Args:
        name: as listed by `workbench tasks`.
        data: folder of the data, for tasks that read some; the others pay no attention to it.

    Raises:
        UserError: no such task (with the nearest names), or its data cannot be used.
    """
    for family in families():
        if family.owns(name):
            return family.build(name, data)
    near = nearest(name)
    hint = f"did you mean {' or '.join(near)}?" if near else "`workbench tasks` lists those there are."
    raise UserError(f"Unknown task {name!r}; {hint}")


def list_tasks() -> list[tuple[str, str, str]]:
    """Name or pattern, kind, and one line of description of every family."""
    return [(family.pattern, family.kind, family.description) for family in families()]


def nearest(name: str, count: int = 3) -> list[str]:
    """Names most like the given one, for an error message; empty if none is like it."""
    head, colon, rest = name.partition(":")
    if colon:
        prefixes = [family.prefix for family in families() if family.prefix]
        return [prefix + rest for prefix in difflib.get_close_matches(head.lower() + colon, prefixes, n=count)]
    known = [known for family in families() for known in family.names]
    starts = [family.pattern for family in families() if family.prefix == f"{name.lower()}:"]
    return starts or difflib.get_close_matches(name.lower(), known, n=count)
