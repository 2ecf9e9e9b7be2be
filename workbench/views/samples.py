"""Some of what a model wrote, for analyses whose completions do not stand side by side by layer."""

from __future__ import annotations

import pandas as pd

from workbench.views.text import missing

TEXTS = ("source", "reference", "completion", "stopped")
PROMPTS = 3
ROWS = 60


def sample_completions(completions: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows of the first prompts of every task, under every condition, and a sentence about what they have in common.

    Picked by their place, not by their result: the first 3 prompts of every model and task, the first 60 rows at most. Columns
    that say the same in every row are in the sentence, not in the table.
    """
    rows = completions
    if "prompt" in rows:
        groups = [name for name in ("model", "task") if name in rows]
        parts = [part for _, part in rows.groupby(groups, sort=False)] if groups else [rows]
        rows = pd.concat([part[part["prompt"].isin(part["prompt"].unique()[:PROMPTS])] for part in parts])
    rows = rows.head(ROWS)
    same = [name for name in rows if name not in TEXTS and rows[name].astype(str).nunique() <= 1]
    said = ", ".join(f"{name} {rows[name].iloc[0]}" for name in same if not missing(rows[name].iloc[0]))
    shown = rows.drop(columns=same).reset_index(drop=True)
    caption = f"The first {PROMPTS} prompts of every task, picked by their place and not by their result"
    return shown, f"{caption}: {said}." if said else f"{caption}."
