"""Tables for a reader: recognition layers in words, and completions by layer side by side."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from workbench.views.curves import layer_ticks
from workbench.views.series import POOLED
from workbench.views.text import layer_interval, layer_word, missing, number, score_name

PROMPT_KEYS = ["model", "n_layers", "task", "format", "examples", "seed", "prompt"]


def recognition_table(recognition: pd.DataFrame, *, seeds: bool = False) -> pd.DataFrame:
    """The recognition table for reading: one row per model, task, prompt, mask and score (and seed, if `seeds`)."""
    rows = recognition if seeds else pooled_rows(recognition)
    return pd.DataFrame([_readable(row, seeds) for _, row in rows.iterrows()])


def without_constants(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The table without the columns that say the same in every row, and what they say, for a caption.

    Of the columns that say what was run only; measured ones stay, and so does the task.
    """
    same = [name for name in ("Model", "Kind", "Format", "Examples") if name in table and table[name].nunique() == 1]
    empty = [name for name in ("Note",) if name in table and not table[name].astype(bool).any()]
    said = ", ".join(f"{name.lower()} {table[name].iloc[0]}" for name in same if name != "Kind")
    return table.drop(columns=[*same, *empty]), said


def pooled_rows(recognition: pd.DataFrame) -> pd.DataFrame:
    """The rows over all seeds; where a run has one seed only, that seed's."""
    keys = ["model", "task", "format", "examples", "mask", "score"]
    pooled = recognition["seed"].astype(str) == POOLED
    has_pooled = pooled.groupby([recognition[key] for key in keys]).transform("any")
    return recognition[pooled | ~has_pooled]


def _readable(row: pd.Series, seeds: bool) -> dict[str, object]:
    n_layers = int(row["n_layers"])
    seed = {"Seed": str(row["seed"])} if seeds else {}
    return {
        "Model": row["model"],
        "Task": row["task"],
        "Kind": row["kind"],
        "Format": row["format"],
        "Examples": int(row["examples"]),
        "Mask": row["mask"],
        "Score": score_name(row["score"]),
        **seed,
        "Recognition layer": _of(row["layer"], n_layers),
        "95 % interval": layer_interval(row["low"], row["high"], n_layers),
        "Steepest step": layer_word(row["steepest"], n_layers + 1),
        "Floor": number(row["floor"]),
        "Threshold": number(row["threshold"]),
        "Plateau": number(row["plateau"]),
        "Ceiling": number(row["ceiling"]),
        "n": int(row["n"]),
        "Note": str(row["reason"]),
    }


def passing_table(estimates: pd.DataFrame) -> pd.DataFrame:
    """The table of `workbench.scoring.pass_at_k` for reading: one row per curve and layer, a column for each k."""
    keys = {"model": "Model", "task": "Task", "format": "Format", "examples": "Examples", "mask": "Mask"}
    rows = []
    for values, of_point in estimates.groupby([*keys, "from_layer"], sort=False):
        passed = {
            f"pass@{row['k']}": f"{number(row['value'])} ({number(row['low'])} to {number(row['high'])})"
            for _, row in of_point.iterrows()
        }
        first = of_point.iloc[0]
        described = dict(zip([*keys.values(), "Hidden from layer"], values, strict=True))
        rows.append({**described, **passed, "Problems": int(first["problems"]), "Programs": int(first["programs"])})
    return pd.DataFrame(rows)


def _of(layer: object, n_layers: int) -> str:
    word = layer_word(layer, n_layers)
    return word if word == "none" else f"{word} of {n_layers}"


def completions_by_layer(
    completions: pd.DataFrame, *, mask: str, layers: Sequence[int] | None = None, prompts: int = 5
) -> pd.DataFrame:
    """One row per prompt: source, reference, and a column with the completion for each `from_layer`, the last named "never".

    The first `prompts` of each model and task, of the first seed: nothing is picked by its result. `layers` limits the columns.
    """
    rows = first_prompts(completions[completions["mask"] == mask], prompts)
    wide = []
    for key, part in rows.groupby(PROMPT_KEYS, sort=False):
        fields = dict(zip(PROMPT_KEYS, key, strict=True))
        n_layers = int(part["n_layers"].iloc[0])
        texts = {int(row["from_layer"]): str(row["completion"]) for _, row in part.sort_values("from_layer").iterrows()}
        shown = {_column(layer, n_layers): text for layer, text in texts.items() if layers is None or layer in layers}
        wide.append({**fields, "source": part["source"].iloc[0], "reference": part["reference"].iloc[0], **shown})
    return pd.DataFrame(wide)


def _column(layer: int, n_layers: int) -> str:
    return "never" if layer >= n_layers else str(layer)


def first_prompts(completions: pd.DataFrame, count: int) -> pd.DataFrame:
    """The rows of the first `count` prompts, of the first seed, of every model, task, format and number of examples."""
    kept = []
    for _, rows in completions.groupby(["model", "task", "format", "examples"], sort=False):
        own = rows[rows["seed"] == rows["seed"].iloc[0]]
        kept.append(own[own["prompt"].isin(list(dict.fromkeys(own["prompt"]))[:count])])
    return pd.concat(kept) if kept else completions.iloc[:0]


@dataclass(frozen=True)
class Piece:
    """A stretch of a completion, and whether the reference has it at this place."""

    text: str
    agrees: bool


def agreement(completion: str, reference: str) -> list[Piece]:
    """A completion cut where it leaves or meets the reference, word by word (character by character without spaces).

    The pieces alternate and joined give the completion; the spaces around a piece that differs belong to its neighbours.
    """
    gap = " " if " " in reference.strip() or " " in completion.strip() else ""
    mine, theirs = (text.split() if gap else list(text.strip()) for text in (completion, reference))
    matcher = difflib.SequenceMatcher(None, mine, theirs, autojunk=False)
    agreeing = {place for block in matcher.get_matching_blocks() for place in range(block.a, block.a + block.size)}
    runs = [
        (agrees, gap.join(mine[place] for place in places))
        for agrees, places in itertools.groupby(range(len(mine)), key=lambda place: place in agreeing)
    ]
    last = len(runs) - 1
    return [
        Piece((gap if place > 0 else "") + text + (gap if place < last else "") if agrees else text, agrees)
        for place, (agrees, text) in enumerate(runs)
    ]


@dataclass(frozen=True)
class Line:
    """What one prompt became at one `from_layer`: one cell per mask."""

    from_layer: int
    label: str
    cells: tuple[tuple[Piece, ...], ...]
    exact: tuple[bool, ...]
    recognised: tuple[bool, ...]
    """Per mask, whether this is its recognition layer."""


@dataclass(frozen=True)
class Card:
    """One prompt: source, reference, and its completions by layer, masks side by side."""

    model: str
    task: str
    prompt: str
    setting: str
    source: str
    reference: str
    masks: tuple[str, ...]
    lines: tuple[Line, ...]


def completion_cards(
    completions: pd.DataFrame, recognition: pd.DataFrame | None = None, *, prompts: int = 3, lines: int = 13
) -> list[Card]:
    """Cards for the report: the first prompts of every task, at up to about `lines` layers, always with the recognised ones."""
    cards = []
    for key, part in first_prompts(completions, prompts).groupby(PROMPT_KEYS, sort=False):
        fields = dict(zip(PROMPT_KEYS, key, strict=True))
        cards.append(_card(fields, part, _recognised(fields, recognition), lines))
    return cards


def _recognised(fields: dict, recognition: pd.DataFrame | None) -> dict[str, int]:
    """Per mask the recognition layer by the task's main score."""
    if recognition is None or recognition.empty:
        return {}
    rows = pooled_rows(recognition)
    for column in ("model", "task", "format", "examples"):
        rows = rows[rows[column] == fields[column]]
    firsts = rows.drop_duplicates("mask")
    return {str(row["mask"]): int(row["layer"]) for _, row in firsts.iterrows() if not missing(row["layer"])}


def _card(fields: dict, part: pd.DataFrame, recognised: dict[str, int], lines: int) -> Card:
    n_layers = int(fields["n_layers"])
    masks = tuple(dict.fromkeys(part["mask"]))
    there = set(part["from_layer"].astype(int))
    wanted = there if len(there) <= lines else (set(layer_ticks(n_layers)) | set(recognised.values())) & there
    first = part.iloc[0]
    return Card(
        model=str(fields["model"]),
        task=str(fields["task"]),
        prompt=str(fields["prompt"]),
        setting=f"{fields['format']}, {fields['examples']} examples, seed {fields['seed']}",
        source=str(first["source"]),
        reference=str(first["reference"]),
        masks=masks,
        lines=tuple(_line(layer, n_layers, part, masks, recognised) for layer in sorted(wanted)),
    )


def _line(layer: int, n_layers: int, part: pd.DataFrame, masks: tuple[str, ...], recognised: dict[str, int]) -> Line:
    at = part[part["from_layer"] == layer]
    texts = {str(row["mask"]): str(row["completion"]) for _, row in at.iterrows()}
    reference = str(part["reference"].iloc[0])
    return Line(
        from_layer=layer,
        label=_column(layer, n_layers),
        cells=tuple(tuple(agreement(texts.get(mask, ""), reference)) for mask in masks),
        exact=tuple(texts.get(mask, "").split() == reference.split() for mask in masks),
        recognised=tuple(recognised.get(mask) == layer for mask in masks),
    )
