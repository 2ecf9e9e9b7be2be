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
    """One report over several runs of one analysis: other models, tasks, masks or seeds overlaid."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Folders of finished runs."""
    out: Path = Path("runs") / "report"
    """Folder for the report."""


def main(arguments: Sequence[str]) -> int:
    """Write the report and print its path."""
    asked = tyro.cli(Settings, prog="workbench report", args=arguments)
    from workbench.runs.several import report

    print(report(asked.runs, asked.out, lambda name: catalogue.load(catalogue.find(name))))
    return 0
