"""The logit lens (nostalgebraist 2020): the final normalisation and the unembedding, applied to the stream as it is.

At depth l the lens is softmax(softcap(LN_f(h_l) W_U + b_U)): what the model would say if the layers from l on wrote
nothing. The final normalisation is the model's own, with its weight; no weights are folded, so that the last depth is
the model's own answer, which `check_last_depth` measures on every batch.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.lenses.readout import Readings
from workbench.models.model import Model

_TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-9, torch.bfloat16: 0.2, torch.float16: 2e-2}
_FOLDED = ("LNPre", "RMSPre")


class LensError(RuntimeError):
    """A lens does not read what the model says."""


@runtime_checkable
class Lens(Protocol):
    """What is done to the residual stream before the final normalisation."""

    @property
    def name(self) -> str:
        """What the lens is called in tables and figures."""

    def translated(self, streams: Float[Tensor, "depth row d_model"]) -> Float[Tensor, "depth row d_model"]:
        """The streams as the final normalisation is to read them; the last depth is never changed."""


class LogitLens:
    """Reads the residual stream as it is."""

    name = "logit lens"

    def translated(self, streams: Float[Tensor, "depth row d_model"]) -> Float[Tensor, "depth row d_model"]:
        """The streams themselves."""
        return streams


def final_normalisation(model: Model) -> str:
    """The kind of the final normalisation that is applied: `RMS` or `LN`, with its own weights.

    Raises:
        LensError: its weights were folded into the unembedding, so that it is not the model's own.
    """
    kind = model.hooked.cfg.normalization_type
    if kind is None or kind in _FOLDED:
        raise LensError(
            f"The final normalisation of {model.name} is {kind}: a lens needs the model's own, with its weights not "
            "folded into the unembedding; load the model with workbench.models.load."
        )
    return str(kind)


@torch.no_grad()
def check_last_depth(model: Model, streams: Float[Tensor, "depth row d_model"], readings: Readings) -> float:
    """Compare the last depth, read in pieces, with the model's own logits; the largest difference in nats.

    Raises:
        LensError: they differ by more than rounding.
    """
    worst = 0.0
    for rows in torch.arange(streams.shape[1]).split(64):
        own = model.logits(streams[-1, rows].unsqueeze(0))[0]
        own = (own if own.dtype == torch.float64 else own.float()).log_softmax(-1)
        for ids, values in (
            (readings.top_ids, readings.top_log_probabilities),
            (readings.tokens.expand_as(readings.rank), readings.log_probability),
        ):
            expected = own.gather(-1, ids[-1, rows].to(own.device))
            worst = max(worst, float((values[-1, rows].to(own.device) - expected).abs().max()))
    if not worst <= _TOLERANCE[model.hooked.cfg.dtype]:
        raise LensError(
            f"The last depth of the lens and the logits of {model.name} differ by {worst:.3g} nats: this readout "
            "cannot be trusted. Run `workbench check` on the model."
        )
    return worst
