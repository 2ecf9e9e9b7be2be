"""Training an adapter: AdamW, a rate that falls linearly, early stopping by the loss on validation items.

Every step names its own random stream, so a training that was stopped goes on exactly. The adapter kept is that of the lowest
validation loss; the last one, where the loss was never evaluated.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from workbench.errors import UserError
from workbench.lora.adapted import adapter_state
from workbench.lora.examples import Batch, Example, batch_of
from workbench.lora.settings import Training
from workbench.random_streams import stream
from workbench.runs.files import write_json, write_whole

RECIPE, STATE, RECORD = "recipe.json", "state.pt", "training.json"
ADAPTER = "adapter_model.safetensors"
"""As peft calls it."""
WEIGHT_DECAY, LARGEST_GRADIENT = 0.0, 1.0
"""The defaults of Hugging Face's trainer, which the official code leaves as they are."""


@dataclass(frozen=True)
class Trained:
    """What is known of a finished training."""

    steps: int
    """Steps made."""
    kept_step: int
    """After which step the adapter was as it is kept."""
    validation_loss: float
    """Of the kept adapter, in nats per token that the loss counts."""
    untrained_loss: float
    """Of the model without it."""
    history: list[dict[str, int | float]]
    """Step, training loss since the last evaluation, validation loss."""


class AdapterFolder:
    """Where an adapter lies: in peft's format when it is finished, beside its recipe and its record."""

    def __init__(self, path: Path, recipe: Mapping[str, Any], made_by: Mapping[str, Any]) -> None:
        self.path = path
        self._wanted = json.loads(json.dumps({"recipe": dict(recipe), "made_by": dict(made_by)}))

    def claim(self) -> None:
        """Make the folder this training's. What other code or libraries left in it is trained anew.

        Raises:
            UserError: it holds a training by other settings, or cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            there = self._read(RECIPE)
            if there and there.get("recipe") != self._wanted["recipe"]:
                raise UserError(_other_settings(self.path, there.get("recipe") or {}, self._wanted["recipe"]))
            if there and there.get("made_by") != self._wanted["made_by"]:
                for name in (RECORD, STATE):
                    (self.path / name).unlink(missing_ok=True)
            write_json(self.path / RECIPE, self._wanted)
        except OSError as error:
            raise UserError(f"Cannot write to {self.path} ({error.strerror or error}): give another --out.") from error

    def finished(self) -> Trained | None:
        """The record of a finished training; None if there is none."""
        content = self._read(RECORD)
        return Trained(**content) if content else None

    def _read(self, name: str) -> dict[str, Any]:
        try:
            content = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


def train_adapter(
    adapted: PeftModel,
    training: Training,
    examples: Sequence[Example],
    validation: Sequence[Example],
    *,
    seed: int,
    folder: AdapterFolder | None = None,
    progress: Callable[[int], object] | None = None,
) -> Trained:
    """Train the adapter of a model, or load it where its folder has it finished; evaluating afterwards.

    Args:
        adapted: the model with its adapter.
        training: how.
        examples: what it learns from.
        validation: what decides when it stops.
        seed: of the order of the examples and of dropout.
        folder: where the adapter and what going on needs are kept, claimed; nothing is kept without one.
        progress: called with the number of steps just done.

    Raises:
        UserError: the loss is no finite number.
    """
    done = folder.finished() if folder is not None else None
    if folder is not None and done is not None:
        _load_adapter(adapted, folder.path)
        adapted.eval()
        return done
    run = _Run(adapted, training, examples, validation, seed)
    state = None if folder is None else folder.path / STATE
    run.begin(state)
    while not run.over:
        run.epoch(progress)
        if state is not None:
            run.save(state)
    found = run.finish()
    if folder is not None:
        # Told so, peft does not ask the hub whether the embeddings are new.
        adapted.save_pretrained(str(folder.path), safe_serialization=True, save_embedding_layers=False)
        write_json(folder.path / RECORD, asdict(found))
        (folder.path / STATE).unlink(missing_ok=True)
    return found


class _Run:
    """A training on the way."""

    def __init__(
        self,
        adapted: PeftModel,
        training: Training,
        examples: Sequence[Example],
        validation: Sequence[Example],
        seed: int,
    ) -> None:
        self.adapted, self.training, self.seed = adapted, training, seed
        self.examples, self.validation = examples, validation
        self.device = next(adapted.parameters()).device
        self.weights = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
        self.optimiser = torch.optim.AdamW(self.weights, lr=training.learning_rate, weight_decay=WEIGHT_DECAY)
        self.per_epoch = math.ceil(len(examples) / training.training_batch)
        self.last_step = self.per_epoch * training.epochs
        self.step, self.without_improvement = 0, 0
        self.untrained_loss = self.best_loss = math.inf
        self.kept_step = 0
        self.kept: dict[str, Tensor] = {}
        self.history: list[dict[str, int | float]] = []
        self.recent: list[float] = []

    @property
    def over(self) -> bool:
        """Whether all epochs are done, or nothing has improved for long enough."""
        return self.step >= self.last_step or self.without_improvement >= self.training.patience

    def begin(self, path: Path | None) -> None:
        """From what was written down, or from the untrained adapter."""
        if path is not None and path.exists():
            self._load(path)
        else:
            self.untrained_loss = self.best_loss = self.validation_loss()
            self.kept = adapter_state(self.adapted)

    def epoch(self, progress: Callable[[int], object] | None) -> None:
        """One pass over the examples, or what of it there is until training stops."""
        number = self.step // self.per_epoch
        order = stream(self.seed, "lora", "order", number).permutation(len(self.examples))
        size = self.training.training_batch
        every = self.training.evaluate_every or self.per_epoch
        for start in range(0, len(order), size):
            self.learn(batch_of([self.examples[int(place)] for place in order[start : start + size]], self.device))
            if self.step % every == 0:
                self.evaluate()
            if progress is not None:
                progress(1)
            if self.over:
                return

    def learn(self, batch: Batch) -> None:
        """One step."""
        self.adapted.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.training.learning_rate * (1 - self.step / self.last_step)
        dropout = int(stream(self.seed, "lora", "dropout", self.step).integers(2**31))
        with torch.random.fork_rng(), torch.enable_grad():
            torch.manual_seed(dropout)
            total, count = _loss(self.adapted, batch)
            loss = total / count
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
        if not math.isfinite(loss.item()):
            raise UserError(
                f"The training loss is {loss.item()} after {self.step} steps: give a smaller --learning-rate, or another dtype."
            )
        torch.nn.utils.clip_grad_norm_(self.weights, LARGEST_GRADIENT)
        self.optimiser.step()
        self.step += 1
        self.recent.append(loss.item())

    def evaluate(self) -> None:
        """Compare the validation loss with the lowest so far, the untrained model's included."""
        loss = self.validation_loss()
        self.history.append({"step": self.step, "training_loss": _mean(self.recent), "validation_loss": loss})
        self.recent = []
        improved = loss < self.best_loss - self.training.threshold
        self.without_improvement = 0 if improved else self.without_improvement + 1
        if loss < self.best_loss:
            self.best_loss, self.kept_step, self.kept = loss, self.step, adapter_state(self.adapted)

    @torch.no_grad()
    def validation_loss(self) -> float:
        """Mean over the tokens of all validation examples that count, in nats."""
        self.adapted.eval()
        totals, counts = 0.0, 0
        for start in range(0, len(self.validation), self.training.training_batch):
            some = self.validation[start : start + self.training.training_batch]
            total, count = _loss(self.adapted, batch_of(some, self.device))
            totals, counts = totals + float(total), counts + count
        return totals / counts

    def finish(self) -> Trained:
        """Bring the best adapter back, evaluating."""
        if self.history:
            set_peft_model_state_dict(self.adapted, self.kept)
        else:
            self.kept_step, self.best_loss = self.step, self.validation_loss()
        self.adapted.eval()
        return Trained(self.step, self.kept_step, self.best_loss, self.untrained_loss, self.history)

    def save(self, path: Path) -> None:
        """Write down everything that going on needs, whole or not at all."""
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        content = {"adapter": adapter_state(self.adapted), "optimiser": self.optimiser.state_dict(), **numbers}
        write_whole(path, lambda part: torch.save(content, part))

    def _load(self, path: Path) -> None:
        saved = torch.load(path, weights_only=True, map_location=self.device)
        set_peft_model_state_dict(self.adapted, saved["adapter"])
        self.optimiser.load_state_dict(saved["optimiser"])
        for name in _NUMBERS:
            setattr(self, name, saved[name])


_NUMBERS = (
    *("step", "without_improvement", "untrained_loss", "best_loss", "kept_step", "kept"),
    *("history", "recent"),
)


def _loss(model: PeftModel, batch: Batch) -> tuple[Tensor, int]:
    """Cross-entropy summed over the tokens that count, in nats, and their number."""
    logits = model(input_ids=batch.token_ids, attention_mask=batch.real.long(), use_cache=False).logits
    counted = batch.counted[:, 1:]
    expected = batch.token_ids[:, 1:][counted]
    # In half precision a sum over a vocabulary loses too much.
    wide = logits.dtype if logits.dtype == torch.float64 else torch.float32
    predicted = logits[:, :-1][counted].to(wide)
    return torch.nn.functional.cross_entropy(predicted, expected, reduction="sum"), int(counted.sum())


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _load_adapter(adapted: PeftModel, folder: Path) -> None:
    try:
        weights = load_file(folder / ADAPTER)
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"The adapter in {folder} cannot be read ({error}): delete the folder to train it again."
        ) from error
    set_peft_model_state_dict(adapted, weights)


def _other_settings(path: Path, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    names = [name for name in dict.fromkeys([*wanted, *there]) if there.get(name) != wanted.get(name)]
    differing = "; ".join(f"{name} is {there.get(name)!r} there and {wanted.get(name)!r} here" for name in names)
    return f"{path} holds a training by other settings ({differing}): give another --out, or the same settings to go on with it."
