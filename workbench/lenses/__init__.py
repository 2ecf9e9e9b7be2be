"""Lenses: what the residual stream would say if the model ended there."""

from workbench.lenses.logit import Lens, LensError, LogitLens, check_last_depth
from workbench.lenses.readout import Readings, read
from workbench.lenses.tuned import TunedLens

__all__ = ["Lens", "LensError", "LogitLens", "Readings", "TunedLens", "check_last_depth", "read"]
