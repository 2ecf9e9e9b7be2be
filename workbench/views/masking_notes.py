"""What a reader must know about masking curves and cannot see in them, in sentences."""

from __future__ import annotations

import pandas as pd


def notes(table: pd.DataFrame) -> list[str]:
    """All of them, as far as they apply to the table."""
    return [*cut_references(table), *same_masks(table), *layers_not_measured(table)]


def cut_references(table: pd.DataFrame) -> list[str]:
    """A sentence about references that the model's window cuts off, if there are any."""
    prompts = table.drop_duplicates(["model", "task", "format", "examples", "seed", "prompt"])
    cut = int((prompts["reference_read"] < 1).sum()) if "reference_read" in prompts else 0
    if not cut:
        return []
    return [
        f"In {cut} of {len(prompts)} prompts the model's window ends before the reference does: its log-probability "
        "is that of the tokens up to there, and completions end there at the latest."
    ]


def same_masks(table: pd.DataFrame) -> list[str]:
    """A sentence about masks that hide the same, since their curves lie on one another."""
    said = []
    for (task, format_), rows in table.groupby(["task", "format"], sort=False):
        by_mask = {str(mask): tuple(of_mask["hides"].unique()) for mask, of_mask in rows.groupby("mask", sort=False)}
        first, *others = by_mask
        same = [name for name in others if by_mask[name] == by_mask[first]]
        if same:
            said.append(
                f"{task} with format {format_}: {' and '.join([first, *same])} hide the same ({by_mask[first][0]}), so "
                "their curves lie on one another."
            )
    return said


def layers_not_measured(table: pd.DataFrame) -> list[str]:
    """A sentence for every curve that lacks layers; where nothing is hidden, none does."""
    said = []
    hiding = table[table["hides"] != ""]
    for (model, n_layers, task, mask), rows in hiding.groupby(["model", "n_layers", "task", "mask"], sort=False):
        missing = sorted(set(range(int(str(n_layers)))) - set(rows["from_layer"]))
        if missing:
            listed = ", ".join(map(str, missing))
            said.append(f"{model}, {task}, {mask}: layers not measured, and nothing assumed of them: {listed}.")
    return said
