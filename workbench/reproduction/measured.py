"""A finished run's numbers as points: the same columns as the published ones.

Columns: experiment, direction, series, quantity, layer (Int64, from 0; missing where a number belongs to no layer), value, low,
high (95 %; missing where there is none), n (prompts).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from workbench.published.papers import RECOGNITION
from workbench.reproduction.experiments import PLAIN, Part
from workbench.statistics.curves import summarise_run
from workbench.statistics.layer_choices import main_score, score_by_choice
from workbench.views.gate_trainings import trainings
from workbench.views.removal import WORDS, critical_layers, removal_of
from workbench.views.text import plural

COLUMNS = ("experiment", "direction", "series", "quantity", "layer", "value", "low", "high", "n")
HEADS_OFF = "heads off (%)"
LARGEST_FALL, AFTER_CRITICAL = "layer of the largest fall", "first layer after the last critical one"
_SERIES = {
    ("TTF", True): "instructions and examples hidden",
    ("FTF", True): "examples hidden, instructions kept",
    ("FFT", True): "query hidden",
    ("TTT", True): "everything hidden",
    ("FTF", False): "examples hidden, no instructions given",
}
"""As the published curves are called, by mask and whether an instruction is given."""
NOTHING = "FFF"
"""The mask that hides nothing."""


def points_of(part: Part, table: pd.DataFrame) -> pd.DataFrame:
    """The points of a part, from the table of its run."""
    rows = _READERS[part.analysis](part, table)
    found = pd.DataFrame(rows, columns=["series", "quantity", "layer", "value", "low", "high", "n"])
    found = found.assign(experiment=part.experiment, direction=part.direction)[list(COLUMNS)]
    numbers = {name: pd.to_numeric(found[name]).astype(float) for name in ("value", "low", "high")}
    return found.assign(layer=pd.to_numeric(found["layer"]).astype("Int64"), **numbers)


Rows = list[dict[str, Any]]


def _masking(part: Part, table: pd.DataFrame) -> Rows:
    """Curves of the task's own score over all seeds, scores with nothing hidden, and recognition layers by the rule."""
    score = main_score(table).name
    summary = summarise_run(table)
    curves, layers = (
        frame[(frame["score"] == score) & (frame["seed"] == "all")] for frame in (summary.curves, summary.recognition)
    )
    never = curves["from_layer"] == curves["n_layers"]
    masked = [
        {"series": _series(part, row), "quantity": score, "layer": row["from_layer"], **_measured(row)}
        for row in curves[~never & (curves["mask"] != NOTHING)].to_dict("records")
    ]
    clean = [
        {"series": _unmasked(part, row), "quantity": score, "layer": pd.NA, **_measured(row)}
        for row in curves[never].drop_duplicates(["format", "examples"]).to_dict("records")
    ]
    found = [
        {
            "series": _series(part, row),
            "quantity": RECOGNITION,
            "layer": pd.NA,
            **_measured({**row, "value": row["layer"]}),
        }
        for row in layers[layers["mask"] != NOTHING].to_dict("records")
    ]
    return [*masked, *clean, *found]


def _series(part: Part, row: Mapping[Any, Any]) -> str:
    if part.analysis == "number-of-examples":
        return plural(int(row["examples"]), "example")
    mask, instructed = str(row["mask"]), row["format"] != PLAIN
    return _SERIES.get((mask, instructed), f"{mask}, {row['format']}")


def _unmasked(part: Part, row: Mapping[Any, Any]) -> str:
    if part.analysis == "number-of-examples":
        return f"{plural(int(row['examples']), 'example')}, nothing hidden"
    if row["examples"] == 0:
        return "instruction only, nothing hidden"
    return "nothing hidden" if row["format"] != PLAIN else "nothing hidden, no instructions given"


def _removal(part: Part, table: pd.DataFrame) -> Rows:
    """The score without each layer's attention, the score with all, and which layers are critical."""
    score = main_score(table)
    removal = removal_of(table)
    rows: Rows = []
    for shows, own in table[table["from_layer"] < 0].groupby("shows", sort=False):
        series = WORDS[str(shows)]
        names = [str(own[name].iloc[0]) for name in ("model", "task", "format")]
        for row in score_by_choice(own, "layer", score, *names).to_dict("records"):
            clean = row["layer"] < 0
            at = {
                "series": f"{series}, nothing removed" if clean else series,
                "layer": pd.NA if clean else row["layer"],
            }
            rows.append({**at, "quantity": score.name, **_measured(row)})
        effects = removal.effects
        critical = critical_layers(effects[(effects["score"] == score.name) & (effects["shows"] == shows)])
        if len(critical):
            last = {
                # Of several that fall alike, to a score of 0 for instance, the first.
                LARGEST_FALL: critical.sort_values(["effect", "layer"])["layer"].iloc[0],
                AFTER_CRITICAL: critical["layer"].max() + 1,
            }
            alone = {"series": series, "layer": pd.NA, "low": None, "high": None, "n": critical["n"].iloc[0]}
            rows += [{**alone, "quantity": quantity, "value": float(layer)} for quantity, layer in last.items()]
    return rows


def _lora(part: Part, table: pd.DataFrame) -> Rows:
    """The score after training each layer, all of them, or none, by the format of the test."""
    score = main_score(table)
    pairs = f"{part.settings['training_items']} training pairs"
    words = {"none": "untrained", "all": f"{pairs}, all layers together"}
    rows: Rows = []
    for format_, own in table.groupby("format", sort=False):
        instructed = "" if format_ == PLAIN else ", tested with an instruction"
        names = [str(own[name].iloc[0]) for name in ("model", "task", "format")]
        layers = own.drop_duplicates("trained").set_index("trained")["layer"]
        for row in score_by_choice(own, "trained", score, *names).to_dict("records"):
            layer = int(layers[row["trained"]])
            series = words.get(row["trained"], pairs) + instructed
            at = layer if layer >= 0 else pd.NA
            rows.append({"series": series, "quantity": score.name, "layer": at, **_measured(row)})
    return rows


def _gates(part: Part, table: pd.DataFrame) -> Rows:
    """After each training the share of heads that are shut, and the score of every set of test prompts."""
    rows: Rows = []
    for training in trainings(table):
        series = f"{training.examples}-example training, lambda {training.penalty}"
        shut = {"value": 100 * training.share_off, "low": None, "high": None, "n": training.n_layers * training.n_heads}
        rows.append({"series": series, "quantity": HEADS_OFF, "layer": pd.NA, **shut})
        for (task, examples), own in training.effects.groupby(["task", "examples"], sort=False):
            main = own[own["score"] == own["score"].iloc[0]].iloc[0]
            quantity = f"{main['score']} of {_direction(part, str(task))}, {examples} examples"
            clean = {"value": main["clean"], "low": None, "high": None, "n": main["n"]}
            ends = {end: main["clean"] + main[end] for end in ("low", "high")}
            rows.append({"series": "untrained", "quantity": quantity, "layer": pd.NA, **clean})
            rows.append(
                {"series": series, "quantity": quantity, "layer": pd.NA, **clean, "value": main["value"], **ends}
            )
    return rows


def _direction(part: Part, task: str) -> str:
    """The direction of a test task: the part's own, or with Portuguese for its target."""
    if task == part.settings["task"][0]:
        return part.direction
    return f"{part.direction.partition('-')[0]}-pt"


def _measured(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("value", "low", "high", "n")}


_READERS: Mapping[str, Callable[[Part, pd.DataFrame], Rows]] = {
    "context-masking": _masking,
    "number-of-examples": _masking,
    "attention-removal": _removal,
    "single-layer-lora": _lora,
    "head-gates": _gates,
}
