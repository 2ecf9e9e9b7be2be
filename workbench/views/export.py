"""Figures into files, outside of a report: pictures, and tables of what they show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go

from workbench.errors import UserError
from workbench.views.curves import file_name
from workbench.views.data import csv_text, figure_table, parquet_bytes
from workbench.views.images import IMAGE_FORMATS, write_images
from workbench.views.report import Picture
from workbench.views.theme import darkened

TABLE_FORMATS = ("csv", "parquet")


def export(
    pictures: Sequence[Picture],
    folder: Path,
    formats: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    dark: bool = False,
    width: int = 1000,
    scale: float = 2.0,
    timeout: float = 120.0,
) -> list[Path]:
    """Write every figure in every format as `folder/NAME.FORMAT`; return the paths.

    Args:
        pictures: the figures of a page.
        folder: made if it is not there.
        formats: of png, svg, pdf (see `images.write_images`), csv and parquet (see `data.figure_table`).
        names: figures to write, by the names of their files; all if left out.
        dark: pictures for a dark page.
        width: of pictures, in pixels.
        scale: pixels of a PNG to a pixel of the picture.
        timeout: seconds for all pictures together.

    Raises:
        UserError: an unknown format or name, a folder that cannot be written, or pictures that cannot be drawn.
    """
    known = (*IMAGE_FORMATS, *TABLE_FORMATS)
    for wanted in formats:
        if wanted not in known:
            raise UserError(f"Unknown format {wanted!r}; there are {', '.join(known)}.")
    figures = _chosen(pictures, names)
    _write_tables(figures, folder, [form for form in formats if form in TABLE_FORMATS])
    images = {
        folder / f"{name}.{form}": darkened(figure) if dark else figure
        for name, figure in figures.items()
        for form in formats
        if form in IMAGE_FORMATS
    }
    if images:
        write_images(images, width=width, scale=scale, timeout=timeout)
    return [folder / f"{name}.{form}" for name in figures for form in formats]


def _chosen(pictures: Sequence[Picture], names: Sequence[str] | None) -> dict[str, go.Figure]:
    there = {file_name(picture.name): picture.figure for picture in pictures}
    for name in names or ():
        if name not in there:
            raise UserError(f"There is no figure {name!r}; there are {', '.join(there) or 'none'}.")
    return there if names is None else {name: there[name] for name in names}


def _write_tables(figures: dict[str, go.Figure], folder: Path, formats: Sequence[str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in figures.items():
            table = figure_table(figure)
            if "csv" in formats:
                (folder / f"{name}.csv").write_text(csv_text(table), encoding="utf-8", newline="")
            if "parquet" in formats:
                (folder / f"{name}.parquet").write_bytes(parquet_bytes(table))
    except OSError as error:
        raise UserError(f"Cannot write to {folder} ({error.strerror or error}): give another --out.") from error
