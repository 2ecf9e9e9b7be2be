"""`workbench models`: the models known by name."""

from __future__ import annotations

from collections.abc import Sequence

import tyro


def main(arguments: Sequence[str]) -> int:
    """Print the models known by name."""
    tyro.cli(_no_settings, prog="workbench models", args=arguments)
    from workbench.cli.show import show_table
    from workbench.models.registry import Entry, entries

    def row(entry: Entry) -> list[str]:
        numbers = (entry.layers, entry.heads, entry.key_value_heads, entry.window)
        origin = "embedded" if entry.hub is None else entry.hub + (" (gated)" if entry.gated else "")
        return [entry.name, entry.architecture, *("" if n is None else str(n) for n in numbers), origin]

    columns = ["model", "architecture", "layers", "heads", "key/value heads", "window (tokens)", "from"]
    show_table("", columns, map(row, entries()))
    print("Any checkpoint folder, or hub id, of these architectures can be given as --model too.")
    return 0


def _no_settings() -> None:
    """List the models known by name; any checkpoint folder or hub id of their architectures works too."""
