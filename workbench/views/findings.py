"""The finding of every task in one sentence, with the numbers that it rests on."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from workbench.views.tables import pooled_rows
from workbench.views.text import MASK_WORDS, layer_interval, missing, number, plural, score_name


@dataclass(frozen=True)
class Finding:
    """One task under one model, prompt and mask."""

    model: str
    task: str
    mask: str
    setting: str
    n_layers: int
    layer: int | None
    low: int | None
    high: int | None
    sentence: str

    def stage(self, layer: int) -> str:
        """What the strip in the report shows for a layer: "needed", "uncertain", "free", or "none" if nothing was recognised."""
        if self.layer is None:
            return "none"
        low, high = (self.layer if end is None else end for end in (self.low, self.high))
        if low <= layer < high:
            return "uncertain"
        return "needed" if layer < self.layer else "free"


def findings(recognition: pd.DataFrame) -> list[Finding]:
    """A finding per model, task, prompt and mask, by each task's first score in the table, which is its main one."""
    if recognition.empty:
        return []
    rows = pooled_rows(recognition)
    main = rows.drop_duplicates(["model", "task"])[["model", "task", "score"]]
    chosen = rows.merge(main, on=["model", "task", "score"], how="inner")
    return [_finding(row) for _, row in chosen.iterrows()]


def _finding(row: pd.Series) -> Finding:
    layer, low, high = (None if missing(row[key]) else int(row[key]) for key in ("layer", "low", "high"))
    n_layers = int(row["n_layers"])
    return Finding(
        model=str(row["model"]),
        task=str(row["task"]),
        mask=str(row["mask"]),
        setting=f"{row['format']}, {plural(int(row['examples']), 'example')}",
        n_layers=n_layers,
        layer=layer,
        low=low,
        high=high,
        sentence=_none(row) if layer is None else _found(row, layer, n_layers),
    )


def _found(row: pd.Series, layer: int, n_layers: int) -> str:
    interval = layer_interval(row["low"], row["high"], n_layers)
    certain = f" (95 % interval {interval})" if interval else ""
    return (
        f"Recognised at layer {layer} of {n_layers}{certain}: with {hidden(row['mask'])} from there on, "
        f"{score_name(row['score'])} stays at or above {number(row['threshold'])} "
        f"(floor {number(row['floor'])}, ceiling {number(row['ceiling'])}, n = {int(row['n'])})."
    )


def _none(row: pd.Series) -> str:
    reason = str(row["reason"]).strip().rstrip(".")
    why = f": {reason}" if reason else ""
    return (
        f"No recognition layer{why} ({hidden(row['mask'])}; {score_name(row['score'])}: floor {number(row['floor'])}, "
        f"ceiling {number(row['ceiling'])}, n = {int(row['n'])})."
    )


def hidden(mask: object) -> str:
    """A mask inside a sentence."""
    return MASK_WORDS.get(str(mask), f"mask {mask}")
