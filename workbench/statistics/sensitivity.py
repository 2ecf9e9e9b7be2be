"""One masking curve read in several ways: by every score, at several thresholds, under several kinds of hiding.

Whatever varies, the prompts and the bootstrap draws are the same, so that two layers differ by how they were read and by
nothing else. The rule is that of `workbench.statistics.recognition`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from workbench.scoring import score_named
from workbench.statistics.curves import Settings, summarise

PAPER = "paper"
"""As paper A hides: attention renormalised; the BOS visible, except under `mask_all`."""
BOS_HIDDEN, BOS_VISIBLE, ZEROED = "bos-hidden", "bos-visible", "zeroed"


class Readings(NamedTuple):
    """What `readings` finds."""

    curves: pd.DataFrame
    """`workbench.statistics.curves.CURVE_COLUMNS` and "variant"."""
    recognition: pd.DataFrame
    """`workbench.statistics.curves.RECOGNITION_COLUMNS`, "variant" and "relative_to", a row for each way of reading."""


def readings(table: pd.DataFrame, fractions: Sequence[float], default: float = 0.95) -> Readings:
    """Every variant's curves, and its recognition layers at every fraction of the rise; those of the paper's variant also
    at `default` of the ceiling (where a score has no true zero that is of the rise again, and left out).

    `table` is what `workbench.statistics.curves.summarise` reads, with the column "variant".
    """
    curves, layers = [], []
    for variant, rows in table.groupby("variant", sort=False):
        for fraction in dict.fromkeys([default, *fractions]):
            summary = summarise(rows, Settings(fraction=fraction))
            layers.append(summary.recognition.assign(variant=variant, relative_to="rise"))
            if fraction == default:
                curves.append(summary.curves.assign(variant=variant))
        if variant == PAPER:
            found = summarise(rows, Settings(fraction=default, relative_to="ceiling")).recognition
            layers.append(found[_of_ceiling(found)].assign(variant=variant, relative_to="ceiling"))
    return Readings(pd.concat(curves, ignore_index=True), pd.concat(layers, ignore_index=True))


def _of_ceiling(recognition: pd.DataFrame) -> pd.Series:
    """Rows whose threshold was taken of the ceiling."""
    return recognition["score"].map(lambda name: score_named(name).true_zero)


def same_variants(table: pd.DataFrame) -> list[str]:
    """Variants that hide exactly what the paper's does, since the prompts have no BOS."""
    hidden = {
        str(variant): list(dict.fromkeys(rows["hides"])) for variant, rows in table.groupby("variant", sort=False)
    }
    return [name for name in hidden if name in (BOS_HIDDEN, BOS_VISIBLE) and hidden[name] == hidden[PAPER]]
