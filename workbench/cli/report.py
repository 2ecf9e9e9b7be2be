"""`workbench report RUN... --out FOLDER`: one report over several runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from workbench.cli import catalogue


@dataclass(frozen=True)
class Settings:
    """One report over several runs. Of one analysis: other models, tasks, masks or seeds overlaid. Of several analyses: what each
    of them says layer by layer, on one axis, and then each in full.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Folders of finished runs."""
    out: Path = Path("runs") / "report"
    """Folder for the report."""
    one_file: bool = False
    """Write a single index.html that holds everything, to be sent by mail; otherwise a folder with a page, a CSV and a parquet
    file for each figure."""


def main(arguments: Sequence[str]) -> int:
    """Write the report and print its path."""
    asked = tyro.cli(Settings, prog="workbench report", args=arguments)
    from workbench.runs.several import report

    print(report(asked.runs, asked.out, lambda name: catalogue.load(catalogue.find(name)), inline=asked.one_file))
    return 0
