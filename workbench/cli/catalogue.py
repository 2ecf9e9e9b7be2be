"""Which analyses there are, read from their files without importing them."""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from workbench.errors import UserError

PACKAGE = "analyses"
"""The package whose files are the analyses."""


@dataclass(frozen=True)
class Entry:
    """An analysis by name."""

    name: str
    """As typed: with hyphens."""
    summary: str
    """First line of the file's docstring."""
    path: Path

    @property
    def module(self) -> str:
        """Its name for an import."""
        return f"{PACKAGE}.{self.path.stem}"


def entries() -> list[Entry]:
    """Every analysis, by name."""
    spec = importlib.util.find_spec(PACKAGE)
    folders = [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []
    files = sorted(path for folder in folders for path in folder.glob("*.py"))
    return [Entry(path.stem.replace("_", "-"), _summary(path), path) for path in files if not path.stem.startswith("_")]


def find(name: str) -> Entry:
    """The analysis of that name, with hyphens or underscores.

    Raises:
        UserError: there is none; names the nearest.
    """
    known = {entry.name: entry for entry in entries()}
    wanted = name.replace("_", "-")
    if wanted not in known:
        raise UserError(f"Unknown analysis {name!r}; {suggestion(wanted, list(known), 'workbench analyses')}")
    return known[wanted]


def load(entry: Entry) -> ModuleType:
    """The analysis itself."""
    return importlib.import_module(entry.module)


def suggestion(name: str, known: list[str], command: str) -> str:
    """What to do about an unknown name."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"`{command}` lists those there are."


def _summary(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]
