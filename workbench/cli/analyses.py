"""`workbench analyses`: which questions can be asked."""

from __future__ import annotations

from collections.abc import Sequence

import tyro

from workbench.cli import catalogue


def main(arguments: Sequence[str]) -> int:
    """Print the analyses, each with the question it answers."""
    tyro.cli(_no_settings, prog="workbench analyses", args=arguments)
    from workbench.cli.show import show_table

    show_table("", ["analysis", "question"], ((entry.name, entry.summary) for entry in catalogue.entries()))
    return 0


def _no_settings() -> None:
    """List the analyses that `workbench run` knows."""
