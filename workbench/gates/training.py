"""Training gates: cross-entropy of the targets, plus the penalty for every head that is expected to be open.

The loss in nats per target token is CE + penalty x (expected number of open heads): a head is shut where being open is worth
less than `penalty` nats per token. One draw of the gates serves a step, as in Voita et al.; with examples in the prompt, every
step shows others of the task's pool. The validation loss is that of the gates at rest, with the same penalty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from workbench.errors import UserError
from workbench.gates.gated import gates_on
from workbench.gates.hard_concrete import START, open_probability, sampled, settled
from workbench.gates.loss import target_loss
from workbench.gates.settings import Training
from workbench.learning.examples import batch_of, examples_of, mean_loss
from workbench.learning.fit import Fitted, fit
from workbench.learning.folder import TrainingFolder
from workbench.models.model import Model
from workbench.random_streams import stream
from workbench.runs.files import write_whole
from workbench.tasks.task import Item, Task

WEIGHTS = "gates.safetensors"


@dataclass(frozen=True)
class TrainedGates:
    """Gates after training."""

    location: Float[Tensor, "layer head"]
    """Parameter of each gate's distribution."""
    fitted: Fitted
    """How the training went."""

    @property
    def gates(self) -> Float[Tensor, "layer head"]:
        """The gates at rest: what the heads' outputs are multiplied by."""
        return settled(self.location)


@dataclass(frozen=True)
class Lessons:
    """What gates learn from."""

    task: Task
    items: Sequence[Item]
    """What they learn from; none is in the task's pool."""
    format: str
    """Prompt format."""
    examples: int
    """Examples before each item, from the task's pool."""
    validation_items: int
    """Of the pool, from the first, that decide when training stops; they are never shown as examples."""

    def shown(self, seed: int, *names: str | int) -> tuple[Item, ...]:
        """The examples that a random stream draws."""
        choices = self.task.pool[self.validation_items :]
        order = stream(seed, "gates", "examples", *names).permutation(len(choices))
        return tuple(choices[int(place)] for place in order[: self.examples])

    def check(self) -> None:
        """Refuse what cannot be learned from.

        Raises:
            UserError: the pool is too small.
        """
        there = len(self.task.pool)
        if self.validation_items + self.examples > there:
            raise UserError(
                f"Task {self.task.name!r} has {there} items in its pool, fewer than the {self.validation_items} to validate on "
                f"and {self.examples} to show: give --validation-items or --training-examples."
            )


def train_gates(
    model: Model,
    lessons: Lessons,
    training: Training,
    penalty: float,
    *,
    seed: int,
    folder: TrainingFolder | None = None,
    progress: Callable[[int], object] | None = None,
) -> TrainedGates:
    """Train gates on all heads of a model that stays as it is, or load them where their folder has them finished.

    Args:
        model: the model.
        lessons: what they learn from.
        training: how.
        penalty: lambda, in nats per token and head.
        seed: of the order of the items, the examples shown and the draws of the gates.
        folder: where the gates and what going on needs are kept, claimed; nothing is kept without one.
        progress: called with the number of steps just done.

    Raises:
        UserError: the penalty is negative, the pool too small, the loss no finite number, or kept gates cannot be read.
    """
    check_penalty(penalty)
    lessons.check()
    done = folder.finished() if folder is not None else None
    if folder is not None and done is not None:
        return TrainedGates(_load(folder), done)
    learner = _Gates(model, lessons, training, penalty, seed)
    state = None if folder is None else folder.state
    found = fit(learner, training.schedule, len(lessons.items), name="gates", seed=seed, state=state, progress=progress)
    location = learner.location.detach().cpu()
    if folder is not None:
        kept = {"location": location, "gates": settled(location)}
        write_whole(folder.path / WEIGHTS, lambda part: save_file(kept, part))
        folder.finish(found)
    return TrainedGates(location, found)


def check_penalty(penalty: float) -> None:
    """Refuse a penalty that is none.

    Raises:
        UserError: it is negative or no number.
    """
    if not 0 <= penalty < float("inf"):
        raise UserError(f"The penalty is {penalty}; give 0 or more: paper A has 0.1, 0.01, 0.001 and 0.0001.")


class _Gates:
    """Gates that learn."""

    def __init__(self, model: Model, lessons: Lessons, training: Training, penalty: float, seed: int) -> None:
        self.model, self.lessons, self.penalty, self.seed = model, lessons, penalty, seed
        self.batch = training.training_batch
        start = torch.full((model.n_layers, model.n_heads), START, dtype=torch.float64)
        # Few numbers, small steps: in the model's half precision they would be lost.
        self.location = start.requires_grad_(True)
        self.optimiser: torch.optim.Optimizer = torch.optim.Adam([self.location], lr=training.learning_rate)
        items = lessons.task.pool[: lessons.validation_items]
        self.validation = self._examples(items, lessons.shown(seed, "validation"))

    def learn(self, places: Sequence[int], step: int, last_step: int) -> float:
        """One step."""
        items = [self.lessons.items[place] for place in places]
        batch = batch_of(self._examples(items, self.lessons.shown(self.seed, "training", step)))
        uniform = torch.from_numpy(stream(self.seed, "gates", "draw", step).random(tuple(self.location.shape)))
        with torch.enable_grad(), gates_on(self.model, sampled(self.location, uniform)):
            total, count = target_loss(self.model, batch)
            loss = total / count + self.penalty * open_probability(self.location).sum().to(total)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def evaluate(self) -> dict[str, float]:
        """The loss of the gates at rest, its two parts, and how many heads are shut."""
        location = self.location.detach()
        gates = settled(location)
        with gates_on(self.model, gates):
            cross_entropy = mean_loss(lambda batch: target_loss(self.model, batch), self.validation, self.batch)
        expected = float(open_probability(location).sum())
        off = int((gates == 0).sum())
        return {
            "loss": cross_entropy + self.penalty * expected,
            "cross_entropy": cross_entropy,
            "open": expected,
            "off": off,
        }

    def weights(self) -> dict[str, Tensor]:
        """A copy of the locations."""
        return {"location": self.location.detach().clone()}

    def set_weights(self, weights: dict[str, Tensor]) -> None:
        """Take up a copy."""
        with torch.no_grad():
            self.location.copy_(weights["location"])

    def _examples(self, items: Sequence[Item], shown: Sequence[Item]) -> list:
        return examples_of(self.model, self.lessons.task, items, format=self.lessons.format, shown=[shown] * len(items))


def _load(folder: TrainingFolder) -> Tensor:
    try:
        return load_file(folder.path / WEIGHTS)["location"]
    except (OSError, SafetensorError, KeyError) as error:
        raise UserError(
            f"The gates in {folder.path} cannot be read ({error}): delete the folder to train them again."
        ) from error
