"""How an adapter is trained: the three published settings, and one for the embedded model.

Paper A says it three times: in its first version (arXiv 2403.04510), in the version of NeurIPS 2024, and in its official code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType

from workbench.errors import UserError
from workbench.learning.examples import Loss
from workbench.learning.fit import Schedule


@dataclass(frozen=True)
class Training:
    """How an adapter is trained. The learning rate falls linearly to zero, as by default in Hugging Face's trainer."""

    rank: int
    """Rank of the two factors."""
    alpha: int
    """The factors' product counts alpha / rank times."""
    dropout: float
    """Of the adapter's input, in training."""
    learning_rate: float
    """Of AdamW, at the first step."""
    training_items: int
    """Pairs of source and target that it learns from."""
    validation_items: int
    """Pairs, from the first of the task's pool, that decide when it stops."""
    training_batch: int = 32
    """Pairs in each step."""
    epochs: int = 50
    """At most so many passes over the training items."""
    evaluate_every: int | None = None
    """Steps between evaluations of the loss on the validation items; once in each epoch if None."""
    patience: int = 5
    """Evaluations in a row without an improvement, after which it stops."""
    threshold: float = 0.01
    """Fall of the validation loss, in nats per token, that counts as an improvement."""
    loss: Loss = "target"
    """What the loss is taken on."""

    @property
    def schedule(self) -> Schedule:
        """When it steps, evaluates and stops."""
        return Schedule(self.training_batch, self.epochs, self.evaluate_every, self.patience, self.threshold)

    def check(self) -> None:
        """Refuse what cannot be trained with.

        Raises:
            UserError: a number is out of its range.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            word = field.name.replace("_", " ")
            if field.name == "dropout":
                if not 0 <= value < 1:
                    raise UserError(f"The dropout is {value}; give at least 0 and less than 1.")
            elif field.name == "threshold":
                if not value >= 0:
                    raise UserError(f"The threshold is {value}; give 0 or more.")
            elif field.name != "loss" and value is not None and not value > 0:
                raise UserError(f"The {word} of the training is {value}; give more than 0.")


PRESETS: Mapping[str, Training] = MappingProxyType(
    {
        # Small enough for every layer to be trained in minutes on two cores.
        "mini": Training(8, 32, 0.0, 3e-2, 400, 16, training_batch=16, epochs=3, patience=2),
        # Batch and learning rate are not in its text and are the code's. Of the 200 lines that it validates on, its own split
        # leaves 197.
        "v1": Training(32, 32, 0.1, 1e-4, 800, 197, threshold=0.001),
        "neurips": Training(8, 32, 0.05, 1e-4, 800, 197),
        "code": Training(8, 32, 0.05, 1e-4, 800, 197, evaluate_every=100),
    }
)
"""By name. `code` is the official code as it was meant: see `with_official_defects`."""


def with_official_defects(training: Training) -> Training:
    """As paper A's official code trains: 3 epochs, the trainer's default since it sets none, and the loss on source and target.

    With its 75 steps the evaluation after 100 never comes, so that nothing is stopped early and the last adapter is kept.
    """
    return replace(training, epochs=3, loss="sequence")


def presets(official_defects: bool) -> Mapping[str, Training]:
    """All presets, as they were meant or with the official code's defects."""
    return {name: with_official_defects(preset) for name, preset in PRESETS.items()} if official_defects else PRESETS
