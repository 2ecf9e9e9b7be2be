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
        sizes = (_gigabytes(entry.size(dtype)) for dtype in ("float32", "bfloat16"))
        origin = "embedded" if entry.hub is None else entry.hub + (" (gated)" if entry.gated else "")
        shown = ("" if number is None else str(number) for number in numbers)
        return [entry.name, entry.architecture, *shown, *sizes, origin]

    columns = ["model", "architecture", "layers", "heads", "key/value heads", "window (tokens)"]
    show_table("", [*columns, "GB in float32", "in bfloat16", "from"], map(row, entries()))
    print("Any checkpoint folder, or hub id, of these architectures can be given as --model too.")
    print("Checkpoints of training, for --revision (N steps, M billion tokens):")
    named: dict[str, list[str]] = {}
    for entry in entries():
        if entry.revisions:
            named.setdefault(entry.revisions, []).append(entry.name)
    for revisions, names in named.items():
        print(f"  {', '.join(names)}: {revisions}")
    return 0


def _gigabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e9:.3g}"


def _no_settings() -> None:
    """List the models known by name; any checkpoint folder or hub id of their architectures works too."""
