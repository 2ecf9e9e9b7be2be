"""`workbench tasks`: what a model can be asked in context."""

from __future__ import annotations

from collections.abc import Sequence

import tyro


def main(arguments: Sequence[str]) -> int:
    """Print the families of tasks."""
    tyro.cli(_no_settings, prog="workbench tasks", args=arguments)
    from workbench.cli.show import show_table
    from workbench.tasks.registry import list_tasks

    show_table("", ["task", "kind", "what it asks"], list_tasks())
    return 0


def _no_settings() -> None:
    """List the tasks; capitals in a name stand for what you choose."""
