"""Many conditions over many prompts: the contract, and the plain reference that defines it."""

from workbench.sweep.contract import Outcome
from workbench.sweep.reference import sweep

__all__ = ["Outcome", "sweep"]
