"""What a figure overlays: one series per model, prompt format, number of examples and mask, with its rows and its style."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from workbench.errors import UserError
from workbench.views import theme
from workbench.views.text import escape, mask_label, plural

KEYS: tuple[str, ...] = ("model", "n_layers", "format", "examples", "mask")
POOLED = "all"


@dataclass(frozen=True)
class Series:
    """One curve: its rows, the recognition found in it, and how it is drawn."""

    model: str
    n_layers: int
    format: str
    examples: int
    mask: str
    pooled: pd.DataFrame
    """The curve over all seeds (or of the only seed), sorted by `from_layer`."""
    seeds: dict[str, pd.DataFrame]
    """The curve of every single seed, sorted by `from_layer`; empty if there is only one."""
    recognition: pd.Series | None
    """The row of the recognition table over all seeds, if there is one."""
    name: str
    """Legend text, escaped."""
    short: str
    """Text at a mark, escaped; empty if the figure has one series only."""
    colour: str
    symbol: str
    dash: str

    @property
    def group(self) -> str:
        """What its traces share, so that one click in the legend hides them all."""
        return "|".join([self.model, self.format, str(self.examples), self.mask])

    @property
    def ceiling(self) -> float:
        """The score with nothing hidden."""
        return self._level("ceiling", self.n_layers)

    @property
    def floor(self) -> float:
        """The score with the context hidden from layer 0."""
        return self._level("floor", 0)

    def _level(self, column: str, from_layer: int) -> float:
        if self.recognition is not None and pd.notna(self.recognition[column]):
            return float(self.recognition[column])
        at = self.pooled.loc[self.pooled["from_layer"] == from_layer, "value"]
        return float(at.iloc[0]) if len(at) else float("nan")


def selected(table: pd.DataFrame, what: str, **wanted: str) -> pd.DataFrame:
    """The rows of `table` with the wanted values; UserError that names what there is if there are none."""
    rows = table
    for column, value in wanted.items():
        found = rows[rows[column] == value]
        if found.empty:
            there = ", ".join(map(str, dict.fromkeys(rows[column]))) or "nothing"
            raise UserError(f"no {what} with {column} {value!r}: the table has {there}")
        rows = found
    return rows


def series_of(curves: pd.DataFrame, recognition: pd.DataFrame | None) -> list[Series]:
    """The series of one task and one score, in the order in which the table names them."""
    varying = [key for key in ("model", "format", "examples", "mask") if curves[key].nunique() > 1]
    groups = list(curves.groupby(list(KEYS), sort=False))
    others = [_other(dict(zip(KEYS, key, strict=True)), varying) for key, _ in groups]
    found = []
    for (key, rows), other in zip(groups, others, strict=True):
        fields = dict(zip(KEYS, key, strict=True))
        found.append(_series(fields, rows, _recognised(recognition, fields), varying, other, others))
    return found


def _series(fields: dict, rows: pd.DataFrame, recognition, varying: list[str], other: str, others: list[str]) -> Series:
    by_mask = "mask" in varying or not varying
    mask = str(fields["mask"])
    parts = [_part(key, fields[key]) for key in varying]
    by_seed = {str(seed): part.sort_values("from_layer") for seed, part in rows.groupby("seed", sort=True)}
    pooled = by_seed.pop(POOLED, None)
    if pooled is None:
        pooled = by_seed.pop(next(iter(by_seed)))
    return Series(
        model=str(fields["model"]),
        n_layers=int(fields["n_layers"]),
        format=str(fields["format"]),
        examples=int(fields["examples"]),
        mask=mask,
        pooled=pooled,
        seeds=by_seed if len(by_seed) > 1 else {},
        recognition=recognition,
        name=", ".join([part for part in parts if part != mask] + [mask_label(mask)]) if by_mask else ", ".join(parts),
        short=" ".join(parts),
        colour=theme.mask_colour(mask) if by_mask else theme.assigned(others, theme.OTHERS)[other],
        symbol=theme.mask_symbol(mask) if by_mask else theme.assigned(others, theme.SYMBOLS)[other],
        dash=theme.assigned(others, theme.LINE_DASHES)[other] if by_mask else "solid",
    )


def _other(fields: dict, varying: list[str]) -> str:
    return ", ".join(_part(key, fields[key]) for key in varying if key != "mask")


def _part(key: str, value: object) -> str:
    return plural(int(str(value)), "example") if key == "examples" else escape(str(value))


def _recognised(recognition: pd.DataFrame | None, fields: dict) -> pd.Series | None:
    if recognition is None or recognition.empty:
        return None
    rows = recognition
    for key in ("model", "format", "examples", "mask"):
        rows = rows[rows[key] == fields[key]]
    pooled = rows[rows["seed"].astype(str) == POOLED]
    chosen = pooled if len(pooled) else rows
    return chosen.iloc[0] if len(chosen) else None


def main_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Of curves or recognition layers those by each task's own score, the first that the table has of it."""
    firsts = table.drop_duplicates(["model", "task"])[["model", "task", "score"]]
    return table.merge(firsts, on=["model", "task", "score"], how="inner")
