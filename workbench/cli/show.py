"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import ModuleType

from rich.console import Console
from rich.table import Table

from workbench.runs.folder import RunFolder
from workbench.runs.pages import INDEX


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; in a pipe, as wide as it needs to be."""
    console = Console()
    if not console.is_terminal:
        console.width = 400
    table = Table(title=title or None, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Brackets are text here, not rich's own mark-up.
        table.add_row(*(cell.replace("[", r"\[") for cell in row))
    console.print(table)


def show_run(folder: RunFolder, analysis: ModuleType) -> None:
    """What a finished run says, as far as the analysis has a few lines for it, and where the rest is."""
    if hasattr(analysis, "terminal"):
        found = analysis.terminal(folder.table())
        show_table("", [str(name) for name in found.columns], _text_rows(found.itertuples(index=False)))
    print(folder.path / INDEX)


def _text_rows(rows: Iterable[Sequence[object]]) -> Iterable[list[str]]:
    return ([_text(value) for value in row] for row in rows)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value)
