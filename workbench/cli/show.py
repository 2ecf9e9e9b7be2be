"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from workbench.runs.runner import Finished


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


def show_run(finished: Finished) -> None:
    """What a finished run says in short, and where the rest is."""
    for sentence in finished.page.summary:
        print(sentence)
    for table in finished.page.tables[:1]:
        frame = table.frame
        show_table(table.name, list(map(str, frame.columns)), _text_rows(frame.itertuples(index=False)))
    print(finished.index)


def _text_rows(rows: Iterable[Sequence[object]]) -> Iterable[list[str]]:
    return ([_text(value) for value in row] for row in rows)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value)
