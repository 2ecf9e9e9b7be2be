"""Training on examples, epoch by epoch, with early stopping, such that a training that was stopped goes on exactly.

Every step names its own random stream. What is kept are the weights of the lowest validation loss; the last ones, where the
loss was never evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from workbench.errors import UserError
from workbench.random_streams import stream
from workbench.runs.files import write_whole


@dataclass(frozen=True)
class Schedule:
    """When a training steps, evaluates and stops."""

    training_batch: int
    """Examples in each step."""
    epochs: int
    """At most so many passes over the examples."""
    evaluate_every: int | None
    """Steps between evaluations; once in each epoch if None."""
    patience: int
    """Evaluations in a row without an improvement, after which it stops."""
    threshold: float
    """Fall of the validation loss that counts as an improvement."""


@dataclass(frozen=True)
class Fitted:
    """What is known of a finished training."""

    steps: int
    """Steps made."""
    kept_step: int
    """After which step the weights were as they are kept."""
    validation_loss: float
    """Of the weights kept; in nats per token that the loss counts, with what else the loss has."""
    untrained_loss: float
    """Of the weights that training began with."""
    history: list[dict[str, int | float]]
    """Step, training loss since the last evaluation, validation loss, and what else an evaluation found."""


@runtime_checkable
class Learner(Protocol):
    """Something that learns."""

    @property
    def optimiser(self) -> torch.optim.Optimizer:
        """What moves its weights."""

    def learn(self, places: Sequence[int], step: int, last_step: int) -> float:
        """Make step `step`, from 0, of at most `last_step`, on the examples at those places; the loss."""

    def evaluate(self) -> dict[str, float]:
        """The loss on the validation examples, as `loss`, and what else is worth writing down."""

    def weights(self) -> dict[str, Tensor]:
        """A copy of what is learned."""

    def set_weights(self, weights: dict[str, Tensor]) -> None:
        """Take up a copy made by `weights`."""


def fit(
    learner: Learner,
    schedule: Schedule,
    examples: int,
    *,
    name: str,
    seed: int,
    state: Path | None = None,
    progress: Callable[[int], object] | None = None,
) -> Fitted:
    """Train, from the beginning or from where `state` was written; the learner has the weights kept afterwards.

    Args:
        learner: what learns.
        schedule: when it steps, evaluates and stops.
        examples: how many examples there are.
        name: of its random streams.
        seed: of the order of the examples.
        state: file that gets what going on needs after every epoch, and is gone on from if it is there.
        progress: called with the number of steps just done.

    Raises:
        UserError: the loss is no finite number.
    """
    run = _Run(learner, schedule, examples, name, seed)
    run.begin(state)
    while not run.over:
        run.epoch(progress)
        if state is not None:
            run.save(state)
    return run.finish()


class _Run:
    """A training on the way."""

    def __init__(self, learner: Learner, schedule: Schedule, examples: int, name: str, seed: int) -> None:
        self.learner, self.schedule, self.examples, self.name, self.seed = learner, schedule, examples, name, seed
        self.per_epoch = math.ceil(examples / schedule.training_batch)
        self.last_step = self.per_epoch * schedule.epochs
        self.step, self.without_improvement = 0, 0
        self.untrained_loss = self.best_loss = math.inf
        self.kept_step = 0
        self.kept: dict[str, Tensor] = {}
        self.history: list[dict[str, int | float]] = []
        self.recent: list[float] = []

    @property
    def over(self) -> bool:
        """Whether all epochs are done, or nothing has improved for long enough."""
        return self.step >= self.last_step or self.without_improvement >= self.schedule.patience

    def begin(self, path: Path | None) -> None:
        """From what was written down, or from untrained weights."""
        if path is not None and path.exists():
            self._load(path)
        else:
            self.untrained_loss = self.best_loss = self.learner.evaluate()["loss"]
            self.kept = self.learner.weights()

    def epoch(self, progress: Callable[[int], object] | None) -> None:
        """One pass over the examples, or what of it there is until training stops."""
        order = stream(self.seed, self.name, "order", self.step // self.per_epoch).permutation(self.examples)
        size = self.schedule.training_batch
        every = self.schedule.evaluate_every or self.per_epoch
        for start in range(0, len(order), size):
            self._learn([int(place) for place in order[start : start + size]])
            if self.step % every == 0:
                self._evaluate()
            if progress is not None:
                progress(1)
            if self.over:
                return

    def finish(self) -> Fitted:
        """Bring the best weights back."""
        if self.history:
            self.learner.set_weights(self.kept)
        else:
            self.kept_step, self.best_loss = self.step, self.learner.evaluate()["loss"]
        return Fitted(self.step, self.kept_step, self.best_loss, self.untrained_loss, self.history)

    def save(self, path: Path) -> None:
        """Write down everything that going on needs, whole or not at all."""
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        content = {"weights": self.learner.weights(), "optimiser": self.learner.optimiser.state_dict(), **numbers}
        write_whole(path, lambda part: torch.save(content, part))

    def _load(self, path: Path) -> None:
        saved: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        self.learner.set_weights(saved["weights"])
        self.learner.optimiser.load_state_dict(saved["optimiser"])
        for name in _NUMBERS:
            setattr(self, name, saved[name])

    def _learn(self, places: Sequence[int]) -> None:
        loss = self.learner.learn(places, self.step, self.last_step)
        if not math.isfinite(loss):
            raise UserError(
                f"The training loss is {loss} after {self.step} steps: give a smaller --learning-rate, or another dtype."
            )
        self.step += 1
        self.recent.append(loss)

    def _evaluate(self) -> None:
        """Compare the validation loss with the lowest so far, that of untrained weights included."""
        found = self.learner.evaluate()
        loss = found.pop("loss")
        seen = {"step": self.step, "training_loss": sum(self.recent) / len(self.recent), "validation_loss": loss}
        self.history.append({**seen, **found})
        self.recent = []
        improved = loss < self.best_loss - self.schedule.threshold
        self.without_improvement = 0 if improved else self.without_improvement + 1
        if loss < self.best_loss:
            self.best_loss, self.kept_step, self.kept = loss, self.step, self.learner.weights()


_NUMBERS = (
    *("step", "without_improvement", "untrained_loss", "best_loss", "kept_step", "kept"),
    *("history", "recent"),
)
