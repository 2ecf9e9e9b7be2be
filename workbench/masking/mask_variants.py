"""The ways of hiding that a masking curve may depend on: what of the paper's procedure is a choice."""

from __future__ import annotations

from workbench.interventions.conditions import MASK_ALL
from workbench.masking.mask_rows import MaskCurve
from workbench.statistics.sensitivity import BOS_HIDDEN, BOS_VISIBLE, PAPER, ZEROED


def variants(mask: str, layers: tuple[int, ...]) -> list[MaskCurve]:
    """The mask as the paper has it, with the BOS the other way, and with attention zeroed instead of renormalised."""
    keeps = mask != MASK_ALL
    other = BOS_HIDDEN if keeps else BOS_VISIBLE
    return [
        MaskCurve(mask, layers, columns={"variant": PAPER}),
        MaskCurve(mask, layers, keep_bos=not keeps, columns={"variant": other}),
        MaskCurve(mask, layers, renormalise=False, columns={"variant": ZEROED}),
    ]
