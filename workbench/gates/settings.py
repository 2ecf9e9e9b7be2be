"""How gates are trained: as in paper A, or smaller and faster for the embedded model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from workbench.errors import UserError
from workbench.learning.fit import Schedule

PENALTIES = (0.1, 0.01, 0.001, 0.0001)
"""Paper A's lambdas; it finds 0.01 best."""


@dataclass(frozen=True)
class Training:
    """How gates are trained, by Adam (0.9, 0.999) at a constant rate."""

    learning_rate: float
    """Of Adam."""
    training_items: int
    """Pairs of source and target that they learn from."""
    validation_items: int
    """Pairs, from the first of the task's pool, that decide when training stops."""
    training_batch: int = 32
    """Pairs in each step."""
    epochs: int = 100
    """At most so many passes over the training items."""
    patience: int = 10
    """Evaluations, one an epoch, in a row without an improvement, after which it stops."""
    threshold: float = 0.01
    """Fall of the loss on the validation items, penalty included, that counts as an improvement."""

    @property
    def schedule(self) -> Schedule:
        """When it steps, evaluates and stops."""
        return Schedule(self.training_batch, self.epochs, None, self.patience, self.threshold)

    def check(self) -> None:
        """Refuse what cannot be trained with.

        Raises:
            UserError: a number is out of its range.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "threshold":
                if not value >= 0:
                    raise UserError(f"The threshold is {value}; give 0 or more.")
            elif not value > 0:
                raise UserError(f"The {field.name.replace('_', ' ')} of the training is {value}; give more than 0.")


PRESETS: Mapping[str, Training] = MappingProxyType(
    {
        # A gate needs 25 steps of Adam at this rate from open to shut; 180 steps are half a minute of one processor core.
        "mini": Training(0.2, 96, 16, training_batch=8, epochs=15, patience=4),
        # The paper reads the first 10 000 lines of a corpus of its own; FLORES has 800 to train on. How many it validates on it
        # does not say.
        "paper": Training(1e-3, 800, 100),
    }
)
"""By name."""
