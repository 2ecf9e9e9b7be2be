"""What is done to a model while it runs: conditions as data, and the hooks each becomes."""

from workbench.interventions.conditions import Clean, Condition, ContextMask
from workbench.interventions.context_mask import ContextMaskHooks, InterventionError
from workbench.interventions.edits import AttentionRemoval, FeedForwardRemoval, HeadAblation, Patch
from workbench.interventions.hooks import ConditionHooks, hooks_of
from workbench.interventions.own_hooks import OwnHooks
from workbench.interventions.payload import Payload
from workbench.interventions.positions import ANSWERING, EVERYWHERE

__all__ = [
    "ANSWERING",
    "EVERYWHERE",
    "AttentionRemoval",
    "Clean",
    "Condition",
    "ConditionHooks",
    "ContextMask",
    "ContextMaskHooks",
    "FeedForwardRemoval",
    "HeadAblation",
    "InterventionError",
    "OwnHooks",
    "Patch",
    "Payload",
    "hooks_of",
]
