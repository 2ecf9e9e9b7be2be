"""What a lens reads, in sentences and in a table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from workbench.statistics.lens_curves import SERIES, first_depth, lens_means, unmasked
from workbench.views.lens import group_words
from workbench.views.report import Table
from workbench.views.text import mask_label, number

_COLUMNS = {
    "reference_probability": "Answer",
    "reference_rank": "Rank",
    "copied_probability": "Copied",
    "answer_group": "Its group",
    "source_group": "Source's group",
    "others_group": "Other groups",
    "entropy": "Entropy (nats)",
    "divergence_final": "KL to the end (nats)",
    "settled": "Settled",
}
_SHARES = {"reference_probability", "copied_probability", "answer_group", "source_group", "others_group", "settled"}
HALF = 0.5


def findings(table: pd.DataFrame) -> list[str]:
    """A sentence for each task, and one for each mask."""
    means = lens_means(table)
    said = []
    for values, own in means.groupby(SERIES, sort=False):
        fields = dict(zip(SERIES, values, strict=True))
        plain = unmasked(own)
        said.append(f"{fields['task']} ({fields['model']}, {fields['lens']}): {_unmasked(plain)}")
        said += [f"{fields['task']}, {_masked(part)}" for _, part in own.groupby("mask", sort=False) if _hides(part)]
    return said


def _hides(rows: pd.DataFrame) -> bool:
    return bool((rows["from_layer"] < rows["n_layers"]).any())


def _unmasked(plain: pd.DataFrame) -> str:
    last = int(plain["layer"].max())
    group = str(plain["answer_group_name"].iloc[0])
    parts = []
    if (plain["quantity"] == "answer_group").any():
        parts.append(f"{group_words(group)} have at least half of the probability {_from(plain, 'answer_group', last)}")
    parts.append(f"the answer's first token {_from(plain, 'reference_probability', last)}")
    parts.append(f"the first choice is settled in half of the prompts {_from(plain, 'settled', last)}")
    ranks = plain[plain["quantity"] == "reference_rank"].sort_values("layer")
    fall = " → ".join(number(float(value)) for value in ranks["value"])
    return f"{'; '.join(parts)}. Rank of the answer, layer by layer: {fall}."


def _from(plain: pd.DataFrame, quantity: str, last: int) -> str:
    depth = first_depth(plain[plain["quantity"] == quantity], HALF)
    if depth is None:
        return "nowhere"
    return "only behind the last layer" if depth == last else f"from layer {depth} on"


def _masked(rows: pd.DataFrame) -> str:
    """What is left of the answer at the end, by the layer from which the mask hides."""
    ends = rows[rows["layer"] == rows["n_layers"]].sort_values("from_layer")
    words = mask_label(str(rows["mask"].iloc[0])).partition(": ")[2] or str(rows["mask"].iloc[0])
    said = []
    for quantity, what in (("answer_group", "its group"), ("reference_probability", "the answer")):
        own = ends[ends["quantity"] == quantity]
        if len(own):
            values = " ".join(f"{float(value):.0%}" for value in own["value"])
            said.append(f"{what} {values}")
    first, *_, last = [int(layer) for layer in dict.fromkeys(ends["from_layer"])]
    return f"{words} from layer {first} up to {last} (never), what the model says at the end: {'; '.join(said)}."


def depth_table(table: pd.DataFrame) -> Table:
    """The unmasked means by depth, a row each."""
    rows = []
    for values, own in unmasked(lens_means(table)).groupby([*SERIES, "layer"], sort=False):
        fields = dict(zip([*SERIES, "layer"], values, strict=True))
        cells = {str(row["quantity"]): float(row["value"]) for row in own.to_dict("records")}
        rows.append({"Task": fields["task"], **_varying(table, fields), "Layer": fields["layer"], **_written(cells)})
    caption = (
        "Unmasked, at the position of the answer: probability of its first token and mean rank, of the copied source "
        "token, of groups of words; entropy; divergence from the model's own answer; share of settled first choices."
    )
    return Table("By layer", pd.DataFrame(rows), caption)


def _varying(table: pd.DataFrame, fields: dict[str, object]) -> dict[str, object]:
    names: Sequence[str] = ("model", "format", "examples", "lens")
    return {name.capitalize(): fields[name] for name in names if table[name].nunique() > 1}


def _written(cells: dict[str, float]) -> dict[str, str]:
    return {
        column: f"{100 * cells[name]:.1f} %" if name in _SHARES else number(cells[name])
        for name, column in _COLUMNS.items()
        if name in cells
    }
