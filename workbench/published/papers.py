"""A paper's numbers and settings, as tables with their sources, for one's own to be compared with.

A paper is a folder of four tables with tabs between the columns; lines that begin with `#` are comments:

    experiments.tsv  what it ran on which model: experiment, version, model ("any": on one that it did not measure),
                     directions, examples (their numbers, where they are varied), figures, note
    settings.tsv     how: experiment, version ("any"), setting, value, standing ("must agree" or "noted"), source
    models.tsv       its models: model, known_as (in `workbench models`), note, dtype
    points.tsv       its numbers: experiment, version, model, direction, series, quantity, layer (from 0, or empty),
                     value, low, high (where it may lie, by how it could be read), source, read, note
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from workbench.errors import UserError
from workbench.published import published_curves
from workbench.statistics.recognition import recognise

PAPERS: Mapping[str, Path] = {"paper-a": Path(__file__).with_name("paper_a")}
"""Folders of the papers known by name."""
ANY = "any"
"""Any model, or any version of a paper."""
UNNAMED = "not named"
"""The model of numbers whose model the paper does not name."""
RECOGNITION = "recognition layer"
"""The quantity that is a layer: seen by eye where a paper's text says it, else found by this project's rule in its curve."""
_COLUMNS = {
    "experiments": ("experiment", "version", "model", "directions", "examples", "figures", "note"),
    "settings": ("experiment", "version", "setting", "value", "standing", "source"),
    "models": ("model", "known_as", "note", "dtype"),
    "points": (
        *("experiment", "version", "model", "direction", "series", "quantity", "layer", "value", "low", "high"),
        *("source", "read", "note"),
    ),
}
_OFF_THE_PLOT, _ABOUT = 0.4, 1.0
"""BLEU that a reading off a plot may be wrong by: plainly visible, and where the marker was partly hidden."""


@dataclass(frozen=True)
class Paper:
    """What a paper ran, how, and what came out."""

    name: str
    experiments: pd.DataFrame
    settings: pd.DataFrame
    models: pd.DataFrame
    points: pd.DataFrame
    """`layer` is Int64, missing where a number belongs to no layer."""

    def called(self, known_as: str) -> str | None:
        """What the paper calls a model that is known here by that name; None if it did not measure it."""
        found = self.models[self.models["known_as"].str.lower() == known_as.lower()]
        return None if found.empty else str(found["model"].iloc[0])

    def known_as(self, model: str) -> str:
        """What a model of the paper is called in `workbench models`.

        Raises:
            UserError: the paper has no such model.
        """
        found = self.models[self.models["model"] == model]
        if found.empty:
            raise UserError(f"{self.name} has no model {model!r}; its models are {', '.join(self.models['model'])}.")
        return str(found["known_as"].iloc[0])

    def setting(self, experiment: str, version: str, name: str) -> str | None:
        """How an experiment was set in a version; None if that is not known."""
        rows = self.settings[(self.settings["experiment"] == experiment) & (self.settings["setting"] == name)]
        rows = rows[rows["version"].isin([version, ANY])]
        return None if rows.empty else str(rows["value"].iloc[0])


def find_paper(name: str) -> Paper:
    """The paper of that name, or in that folder.

    Raises:
        UserError: there is none, or its tables are not as described above.
    """
    if name in PAPERS:
        paper = read_paper(PAPERS[name], name)
        points = pd.concat([paper.points, _curves()], ignore_index=True)
        return Paper(name, paper.experiments, paper.settings, paper.models, points)
    if Path(name).is_dir():
        return read_paper(Path(name), Path(name).resolve().name)
    raise UserError(
        f"Unknown paper {name!r}: there is {', '.join(PAPERS)}, or give a folder with the tables "
        f"{', '.join(f'{table}.tsv' for table in _COLUMNS)}."
    )


def read_paper(folder: Path, name: str) -> Paper:
    """The paper whose tables lie in a folder; raises as `find_paper`."""
    tables = {table: _table(folder / f"{table}.tsv", columns) for table, columns in _COLUMNS.items()}
    path = folder / "points.tsv"
    try:
        layers = pd.to_numeric(tables["points"]["layer"]).astype("Int64")
        numbers = {end: pd.to_numeric(tables["points"][end]) for end in ("value", "low", "high")}
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: layer, value, low and high must be numbers ({error}).") from error
    points = tables["points"].assign(layer=layers, **numbers)
    inside = (points["low"] <= points["value"]) & (points["value"] <= points["high"])
    if not inside.all():
        row = points[~inside].iloc[0]
        at = "" if pd.isna(row["layer"]) else f", layer {row['layer']},"
        raise UserError(
            f"{path}: {row['series']}{at} must have low, value and high in ascending order. Got "
            f"{row['low']}, {row['value']}, {row['high']}."
        )
    return Paper(name, tables["experiments"], tables["settings"], tables["models"], points)


def _table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, sep="\t", keep_default_na=False, dtype=str, comment="#")
    except (OSError, ValueError) as error:
        raise UserError(f"Cannot read {path} ({error}): expected a table with tabs between the columns.") from error
    missing = [column for column in columns if column not in table]
    if missing:
        raise UserError(f"{path} lacks the columns {', '.join(missing)}.")
    return table[list(columns)]


def _curves() -> pd.DataFrame:
    """Paper A's context-masking curves as points, and the recognition layers that this project's rule finds in them."""
    table = published_curves()
    curves = table.assign(
        experiment="context-masking",
        version="NeurIPS",
        quantity="bleu",
        value=table["score"],
        layer=table["from_layer"].where(table["mask"] != "none").astype("Int64"),
    )
    ends = [_range(row["score"], row["note"], row["read"]) for _, row in table.iterrows()]
    curves = curves.assign(low=[low for low, _ in ends], high=[high for _, high in ends])
    found = []
    for (model, series), points in table[table["mask"] != "none"].groupby(["model", "series"], sort=False):
        ceiling = table[(table["model"] == model) & (table["mask"] == "none")]
        whole = pd.concat([points, ceiling]).sort_values("from_layer")
        layer = recognise(whole["from_layer"].to_numpy(), whole["score"].to_numpy()).layer
        if layer is not None:
            found.append(_by_rule(curves[(curves["model"] == model) & (curves["series"] == series)].iloc[0], layer))
    return pd.concat([curves, pd.DataFrame(found)], ignore_index=True)[list(_COLUMNS["points"])]


def _range(score: float, note: str, read: str) -> tuple[float, float]:
    """Where a value read off a plot may lie."""
    if read == "printed":
        return score, score
    if note.startswith("<"):
        return 0.0, score + _OFF_THE_PLOT
    if note.startswith("between "):
        low, high = (float(part) for part in note.removeprefix("between ").partition(",")[0].split(" and "))
        return low - _OFF_THE_PLOT, high + _OFF_THE_PLOT
    wrong_by = _ABOUT if note.startswith("~") else _OFF_THE_PLOT
    return max(0.0, score - wrong_by), score + wrong_by


def _by_rule(curve: pd.Series, layer: int) -> pd.Series:
    point = curve.copy()
    point["quantity"], point["layer"] = RECOGNITION, pd.NA
    point["value"] = point["low"] = point["high"] = float(layer)
    point["read"] = "found in the curve by this project's rule"
    point["note"] = "floor + 0.95 (ceiling - floor) on the points that could be read"
    return point
