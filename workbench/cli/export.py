"""`workbench export RUN... --format png csv`: the figures of runs as pictures, and what they show as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from workbench.cli import catalogue


@dataclass(frozen=True)
class Settings:
    """Every figure of a finished run, or of several together as `workbench report` draws them: as a picture (png, svg and pdf; a
    Chromium draws them), or as a table of what it shows (csv, parquet).
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Folders of finished runs."""
    format: tuple[Literal["png", "svg", "pdf", "csv", "parquet"], ...] = ("csv",)
    """What to write."""
    out: Path = Path("runs") / "export"
    """Folder for the files."""
    figures: tuple[str, ...] | None = None
    """Names of figures, as in the report's figures folder; all if left out."""
    scheme: Literal["light", "dark"] = "light"
    """Colours of the pictures."""
    width: int = 1000
    """Width of the pictures in pixels."""
    scale: float = 2.0
    """Pixels of a PNG to a pixel of the picture."""
    timeout: float = 120.0
    """Seconds after which the drawing is given up."""


def main(arguments: Sequence[str]) -> int:
    """Write the files and print their paths."""
    asked = tyro.cli(Settings, prog="workbench export", args=arguments)
    from workbench.runs.several import together
    from workbench.views.export import export

    page = together(asked.runs, lambda name: catalogue.load(catalogue.find(name))).page
    written = export(
        page.pictures,
        asked.out,
        asked.format,
        names=asked.figures,
        dark=asked.scheme == "dark",
        width=asked.width,
        scale=asked.scale,
        timeout=asked.timeout,
    )
    for path in written:
        print(path)
    return 0
