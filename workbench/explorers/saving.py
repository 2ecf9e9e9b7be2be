"""What is on screen, into a file: the row of an explorer that does it, and the figure's data as a table."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import plotly.graph_objects as go

from workbench.errors import UserError
from workbench.explorers.markup import panel, problem, sentence
from workbench.views.curves import file_name
from workbench.views.data import csv_text, figure_table, parquet_bytes


class SaveBox(widgets.HBox):
    """A file name and a button: a page (.html) or a table of what the figure shows (.csv, .parquet)."""

    def __init__(self, title: str, export: Callable[[str], Path]) -> None:
        """Build the row; `export` writes the file, and `title` is what it is called at first."""
        name = f"{file_name(title).lower()}.html"
        self.name = widgets.Text(value=name, description="save as", continuous_update=False)
        self.button = widgets.Button(description="save", tooltip="a page (.html) or a table (.csv, .parquet)")
        self._words, self._export = widgets.HTML(), export
        super().__init__([self.name, self.button, self._words], layout={"flex_flow": "row wrap"})
        self.button.on_click(self._save)

    @property
    def said(self) -> str:
        """What became of the last press of the button, as HTML."""
        return str(self._words.value)

    def _save(self, button: Any) -> None:
        try:
            written = self._export(self.name.value)
            self._words.value = str(panel(sentence(f"Written: {written.resolve()}")))
        except UserError as error:
            self._words.value = str(problem(str(error)))


def write_figure_table(path: str | os.PathLike[str], figure: go.Figure) -> Path:
    """Write what a figure shows as CSV or parquet, by the ending of the path, and return the path.

    Raises:
        UserError: the ending is another, or the file cannot be written.
    """
    written, table = Path(path), figure_table(figure)
    contents = {".csv": lambda: csv_text(table).encode("utf-8"), ".parquet": lambda: parquet_bytes(table)}
    if written.suffix not in contents:
        raise UserError(
            f"{written} ends in {written.suffix or 'nothing'}; give a name that ends in .html, .csv or .parquet."
        )
    try:
        written.write_bytes(contents[written.suffix]())
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"Cannot write {written} ({reason}); give a file in a folder that can be written.") from error
    return written
