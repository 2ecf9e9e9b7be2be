"""What of the source code can change a number: a digest of it, so that numbers of two versions never mix.

Of an analysis file only what its settings, cells and measurements need counts: a picture can be redrawn in
another way without measuring again. Comments and docstrings count nowhere in it.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
APART = ("cli", "explorers", "runs", "training", "views")
"""Folders of the workbench that no measured number goes through."""
MEASURING = ("Config", "Cell", "cells", "measure", "models", "task_digest")
"""The parts of an analysis that its numbers come from."""


@cache
def instrument_digest() -> str:
    """SHA-256 over the workbench's own code and word lists, as far as they can change a number."""
    paths = [
        path
        for pattern in ("*.py", "*.tsv")
        for path in PACKAGE.rglob(pattern)
        if path.relative_to(PACKAGE).parts[0] not in APART
    ]
    total = hashlib.sha256()
    for path in sorted(paths):
        content = path.read_bytes()
        total.update(f"{path.relative_to(PACKAGE).as_posix()}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def analysis_digest(path: Path) -> str:
    """SHA-256 over what the measurements of an analysis file need of it."""
    return hashlib.sha256(needed_source(path.read_text(encoding="utf-8"), MEASURING).encode()).hexdigest()


def needed_source(source: str, names: Iterable[str]) -> str:
    """The syntax tree, as text, of the statements that `names` need, directly or through one another."""
    statements = ast.parse(source).body
    binding: dict[str, list[int]] = {}
    for index, statement in enumerate(statements):
        for name in _bound(statement):
            binding.setdefault(name, []).append(index)
    needed: set[int] = set()
    waiting = list(names)
    while waiting:
        for index in binding.get(waiting.pop(), []):
            if index not in needed:
                needed.add(index)
                waiting += _used(statements[index])
    return "\n".join(ast.dump(_without_docstrings(statements[index])) for index in sorted(needed))


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement at the top of a module gives a meaning."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)


def _used(statement: ast.stmt) -> list[str]:
    return [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]


def _without_docstrings(statement: ast.stmt) -> ast.stmt:
    for node in ast.walk(statement):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            node.body = [part for part in node.body if not _is_docstring(part)]
    return statement


def _is_docstring(part: ast.stmt) -> bool:
    return isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) and isinstance(part.value.value, str)
