"""Published numbers beside one's own: differences, and whether an interval covers them; or why they are not compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from workbench.lora.settings import presets
from workbench.models.registry import Entry, find
from workbench.models.source import locate
from workbench.published.papers import ANY, UNNAMED, Paper
from workbench.reproduction.experiments import Part, tested_on

KEYS = ["experiment", "direction", "series", "quantity", "layer"]
SHEET_COLUMNS = (
    *KEYS,
    *("published", "published_low", "published_high", "yours", "low", "high", "n", "difference", "verdict", "why"),
    *("noted", "published_model", "version", "source", "read", "note"),
)
COVERED, NOT_COVERED = "covered", "not covered"
NOT_COMPARED, ONLY_YOURS, NOT_MEASURED = "not compared", "nothing published", "not measured"
MUST_AGREE = "must agree"


@dataclass(frozen=True)
class Own:
    """What is known of the user's run of a part."""

    part: Part
    settings: Mapping[str, Any]
    """The run's configuration."""
    points: pd.DataFrame
    """Columns of `workbench.reproduction.measured`."""
    prompts: int
    """Test prompts of a seed."""


@dataclass(frozen=True)
class ModelMatch:
    """The user's model and the paper's."""

    model: str | None
    """What the paper calls it; None if it did not measure it, and then nothing was published."""
    refused: tuple[str, ...] = ()
    """How the user's differs; nothing is compared if it does."""
    noted: tuple[str, ...] = ()
    """What is said beside a comparison."""


def sheet(paper: Paper, match: ModelMatch, owns: Sequence[Own]) -> pd.DataFrame:
    """A row for each number that was published or measured, with `SHEET_COLUMNS`.

    Args:
        paper: the paper.
        match: the user's model and the paper's.
        owns: the finished runs.
    """
    groups: dict[tuple[str, str], list[Own]] = {}
    for own in owns:
        groups.setdefault((own.part.experiment, own.part.direction), []).append(own)
    found = [_of_direction(paper, match, group) for group in groups.values()]
    table = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(SHEET_COLUMNS))
    numbers = ("published", "published_low", "published_high", "yours", "low", "high", "n", "difference")
    return table.astype({"layer": "Int64", **dict.fromkeys(numbers, "float64")})


def _of_direction(paper: Paper, match: ModelMatch, owns: Sequence[Own]) -> pd.DataFrame:
    """The rows of one experiment and direction, which may be several runs."""
    measured = []
    for own in owns:
        refused, noted = setting_differences(paper, own)
        said = {"refused": "; ".join([*match.refused, *refused]), "noted": "; ".join([*match.noted, *noted])}
        measured.append(own.points.assign(**said))
    # What two runs have in common (the untrained model) counts once.
    mine = pd.concat(measured, ignore_index=True).drop_duplicates(KEYS).rename(columns={"value": "yours"})
    theirs = _published(paper, match.model, owns[0].part).drop(columns=["experiment", "direction"])
    theirs = theirs.rename(
        columns={"value": "published", "low": "published_low", "high": "published_high", "model": "published_model"}
    )
    both = mine.merge(theirs, on=["series", "quantity", "layer"], how="outer")
    both = _in_order(both, [*mine["series"], *theirs["series"]])
    both = both.assign(experiment=owns[0].part.experiment, direction=owns[0].part.direction)
    return pd.DataFrame([_judged(row) for row in both.to_dict("records")], columns=list(SHEET_COLUMNS))


def _in_order(rows: pd.DataFrame, series: Sequence[str]) -> pd.DataFrame:
    """Series as they come, each with its curve first and then what belongs to no layer."""
    place = {name: number for number, name in enumerate(dict.fromkeys(series))}
    ordered = rows.assign(_series=rows["series"].map(place), _alone=rows["layer"].isna())
    return ordered.sort_values(["_series", "_alone", "quantity", "layer"], kind="stable", ignore_index=True)


def match_model(
    paper: Paper, model: str | None, shape: Mapping[str, int], revision: str | None, dtype: str
) -> ModelMatch:
    """How the user's model differs from the one that the paper measured, by what the registry knows of that.

    Args:
        paper: the paper.
        model: its name there, or None.
        shape: layers, heads and parameters of the user's model.
        revision: of the user's model.
        dtype: of the user's run.
    """
    if model is None:
        return ModelMatch(None)
    known = find(paper.known_as(model))
    theirs = {} if known is None else {"layers": known.layers, "heads": known.heads, "parameters": known.parameters}
    refused = [
        f"your model has {shape[name]:,} {name} where {model} has {value:,}"
        for name, value in theirs.items()
        if value is not None and not _alike(name, shape[name], value)
    ]
    if revision is not None:
        refused.append(f"your model is revision {revision}")
    row = paper.models[paper.models["model"] == model].iloc[0]
    noted = [str(row["note"])] if row["note"] else []
    if row["dtype"] and row["dtype"] != dtype:
        noted.append(f"{dtype} where the paper has {row['dtype']}")
    return ModelMatch(model, tuple(refused), tuple(noted))


def _alike(name: str, own: int, theirs: int) -> bool:
    # Files may leave out an unembedding that is the embedding again, or hold buffers.
    return abs(own - theirs) <= 0.1 * theirs if name == "parameters" else own == theirs


def paper_model(paper: Paper, asked: str, same_as: str | None) -> str | None:
    """What the paper calls the user's model; `same_as` is its name there or in `workbench models`.

    Raises:
        UserError: there is no such model.
    """
    if same_as is not None:
        called = paper.called(same_as) or same_as
        paper.known_as(called)
        return called
    entry: Entry | None = find(asked)
    return paper.called(entry.name if entry is not None else locate(asked).name)


def setting_differences(paper: Paper, own: Own) -> tuple[list[str], list[str]]:
    """In what the user's run differs from the paper's: what forbids a comparison, and what is only noted."""
    rows = paper.settings[paper.settings["experiment"] == own.part.experiment]
    rows = rows[rows["version"].isin([own.part.version, ANY])]
    mine = _own_settings(own)
    refused: list[str] = []
    noted: list[str] = []
    for _, row in rows.iterrows():
        name, theirs = str(row["setting"]), str(row["value"])
        if name not in mine or _agrees(name, mine[name], theirs):
            continue
        difference = f"{_words(name, mine[name])} where the paper has {theirs}"
        (refused if row["standing"] == MUST_AGREE else noted).append(difference)
    return refused, noted


def _own_settings(own: Own) -> dict[str, str]:
    """The run's settings in the words of the paper's table."""
    settings = own.settings
    values = {
        "test set": tested_on(str(settings["task"][0])),
        "test prompts": own.prompts,
        "examples": settings.get("examples", 0),
        "seeds": " ".join(map(str, settings["seeds"])),
        "longest completion": settings.get("max_new_tokens"),
        "preset": settings.get("preset"),
        "targets": " ".join(settings.get("targets", ())),
        "formats": " ".join(settings.get("formats", ())),
        "training pairs": settings.get("training_items"),
        **_training(own),
        "training set": tested_on(str(settings["task"][0])).replace("devtest", "dev (first 800 lines)"),
    }
    return {name: str(value) for name, value in values.items() if value is not None}


def _training(own: Own) -> dict[str, Any]:
    """What an adapter's preset says of its training."""
    if own.part.analysis != "single-layer-lora":
        return {}
    training = presets(bool(own.settings.get("official_defects")))[own.settings["preset"]]
    return {"loss": training.loss, "epochs": training.epochs}


def _agrees(name: str, mine: str, theirs: str) -> bool:
    # The paper trained on each of several numbers of pairs; a run is one of them.
    return mine in theirs.split() if name == "training pairs" else mine == theirs


def _words(name: str, value: str) -> str:
    """A setting as part of a sentence: `20 test prompts`, `test set HumanEval`."""
    return f"{value} {name}" if value.isdigit() and name.endswith("s") and name != "seeds" else f"{name} {value}"


def _published(paper: Paper, model: str | None, part: Part) -> pd.DataFrame:
    points = paper.points
    points = points[(points["experiment"] == part.experiment) & (points["direction"] == part.direction)]
    if model is None:
        return points.iloc[:0]
    return points[((points["model"] == model) & (points["version"] == part.version)) | (points["model"] == UNNAMED)]


def _judged(row: dict[Any, Any]) -> dict[str, Any]:
    """One number with its verdict."""
    judged = {**row, "difference": None, "why": "", "noted": ""}
    if pd.isna(row["published"]):
        return {**judged, "verdict": ONLY_YOURS}
    if pd.isna(row["yours"]):
        return {**judged, "verdict": NOT_MEASURED}
    unnamed = "the paper does not name the model of this number" if row["published_model"] == UNNAMED else ""
    why = "; ".join(filter(None, [unnamed, row["refused"]]))
    if why:
        return {**judged, "verdict": NOT_COMPARED, "why": why}
    # Without an interval one's own number must itself lie in the range of the published one.
    low, high = (row["yours"] if pd.isna(row[end]) else row[end] for end in ("low", "high"))
    covers = low <= row["published_high"] and high >= row["published_low"]
    verdict = COVERED if covers else NOT_COVERED
    return {**judged, "difference": row["yours"] - row["published"], "verdict": verdict, "noted": row["noted"]}
