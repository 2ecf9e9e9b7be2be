"""What is done to a model while it runs: conditions as data, and the hooks each becomes."""

from workbench.interventions.conditions import Clean, Condition, ContextMask
from workbench.interventions.context_mask import ContextMaskHooks, InterventionError

__all__ = ["Clean", "Condition", "ContextMask", "ContextMaskHooks", "InterventionError"]
