"""Training a tuned lens: KL(final || lens) at every depth, the model frozen (Belrose et al. 2023, section 3.1).

Every step names its own random stream, so a training that was stopped goes on exactly. The depths are trained together
and do not touch each other; one depth's logits are held at a time, [row, vocabulary].
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import UserError
from workbench.internals.residual_streams import Passage, residual_streams
from workbench.lenses.readout import logits_of, normalised
from workbench.lenses.tuned import CONFIG, TunedLens
from workbench.models.model import Model
from workbench.random_streams import stream

STATE, RECIPE = "state.pt", "recipe.json"
LENSES = Path("runs") / "lenses"
"""Where lenses go that are given no folder, under the current folder."""
SAVE_EVERY = 50


@dataclass(frozen=True)
class Training:
    """How a tuned lens is trained."""

    steps: int = 250
    """Steps of the optimiser."""
    passages: int = 4
    """Prompts, or stretches of text, read in each step."""
    rows: int = 256
    """Positions of them that each step learns from."""
    learning_rate: float = 2e-3
    """Of Adam; falls linearly to zero."""
    weight_decay: float = 1e-2
    """Towards the identity."""
    seed: int = 0
    """Of what is read in each step."""

    def check(self) -> None:
        """Refuse what cannot be trained with."""
        for name in ("steps", "passages", "rows", "learning_rate"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name.replace('_', ' ')} of the training is {getattr(self, name)}; give more than 0.")


@runtime_checkable
class Source(Protocol):
    """Where a training gets what it reads."""

    @property
    def described(self) -> dict[str, Any]:
        """What is read, in plain values; another source is another training."""

    def drawn(self, model: Model, generator: np.random.Generator, count: int) -> list[Passage]:
        """Some passages with all their positions."""


def recipe_of(model: Model, source: Source, training: Training) -> dict[str, Any]:
    """Everything that decides what a lens becomes, in plain values."""
    return {"model": model.name, "digest": model.digest, **asdict(training), **source.described}


def default_folder(recipe: Mapping[str, Any]) -> Path:
    """Where a lens goes that is given no folder: the same recipe always to the same place."""
    short = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:8]
    return LENSES / f"{Path(str(recipe['model'])).name}-{short}"


def trained_lens(
    model: Model,
    source: Source,
    training: Training,
    folder: Path,
    progress: Callable[[int], object] | None = None,
) -> TunedLens:
    """The lens in a folder: loaded if it is finished, otherwise trained from where it stopped.

    Raises:
        UserError: the folder holds another lens, or cannot be written.
    """
    training.check()
    recipe = recipe_of(model, source, training)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _claim(folder, recipe)
        if (folder / CONFIG).exists():
            return TunedLens.load(folder, model)
        return _train(model, source, training, folder, recipe, progress)
    except OSError as error:
        raise UserError(f"Cannot write to {folder} ({error.strerror or error}): give another folder.") from error


def _claim(folder: Path, recipe: dict[str, Any]) -> None:
    """Write the recipe down, or check that the folder's is this one."""
    path = folder / RECIPE
    plain = json.loads(json.dumps(recipe))
    if not path.exists():
        path.write_text(json.dumps(plain, indent=2) + "\n")
        return
    there = json.loads(path.read_text())
    changed = [name for name in dict.fromkeys([*plain, *there]) if there.get(name) != plain.get(name)]
    if changed:
        raise UserError(
            f"{folder} holds a lens whose {', '.join(changed)} differ from what was asked: give another folder, or the "
            "same settings to use or finish it."
        )


def _train(
    model: Model,
    source: Source,
    training: Training,
    folder: Path,
    recipe: dict[str, Any],
    progress: Callable[[int], object] | None,
) -> TunedLens:
    lens = TunedLens.untrained(model)
    state = _State(lens, training, model)
    state.load(folder / STATE)
    while state.step < training.steps:
        began = time.perf_counter()
        generator = stream(training.seed, "tuned lens", state.step)
        streams = _rows(model, source, training, generator)
        state.learn(streams)
        state.seconds += time.perf_counter() - began
        if state.step % SAVE_EVERY == 0:
            state.save(folder / STATE)
        if progress is not None:
            progress(1)
    record = {**recipe, "seconds": round(state.seconds, 1), "last_loss": [round(loss, 5) for loss in state.losses]}
    weight, bias = state.weight.detach().cpu(), state.bias.detach().cpu()
    finished = replace(lens, weight=weight, bias=bias, trained=record)
    finished.save(folder)
    (folder / STATE).unlink(missing_ok=True)
    return finished


def _rows(
    model: Model, source: Source, training: Training, generator: np.random.Generator
) -> Float[Tensor, "depth row d_model"]:
    """What one step learns from: some positions of some passages, each passage with as many as its share."""
    share = -(-training.rows // training.passages)
    chosen = []
    for passage in source.drawn(model, generator, training.passages):
        count = min(share, len(passage.positions))
        places = np.sort(generator.permutation(len(passage.positions))[:count])
        chosen.append(replace(passage, positions=tuple(passage.positions[int(place)] for place in places)))
    ((_, streams),) = residual_streams(model, chosen)
    return streams


class _State:
    """Translators on the way, and their optimiser."""

    def __init__(self, lens: TunedLens, training: Training, model: Model) -> None:
        device = model.hooked.W_U.device
        self.model, self.training = model, training
        self.weight = lens.weight.to(device).requires_grad_()
        self.bias = lens.bias.to(device).requires_grad_()
        groups: list[dict[str, Any]] = [
            {"params": [self.weight], "weight_decay": training.weight_decay},
            {"params": [self.bias], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=training.learning_rate)
        self.step, self.seconds = 0, 0.0
        self.losses: list[float] = []
        """KL at each depth, in nats, in the last step."""

    def learn(self, streams: Float[Tensor, "depth row d_model"]) -> None:
        """One step."""
        streams = streams.to(self.weight.device)
        everything = slice(None)
        with torch.no_grad():
            final = logits_of(self.model, normalised(self.model, streams[-1:]), everything)[0].log_softmax(-1)
        for group in self.optimiser.param_groups:
            group["lr"] = self.training.learning_rate * (1 - self.step / self.training.steps)
        self.optimiser.zero_grad(set_to_none=True)
        self.losses = []
        with torch.enable_grad():
            for depth in range(len(self.bias)):
                stream_ = streams[depth].to(self.weight.dtype)
                moved = stream_ + stream_ @ self.weight[depth].T + self.bias[depth]
                moved = moved.to(streams.dtype).unsqueeze(0)
                said = logits_of(self.model, normalised(self.model, moved), everything)[0].log_softmax(-1)
                loss = torch.nn.functional.kl_div(said, final, log_target=True, reduction="batchmean")
                # Each depth's graph is freed before the next one's is built.
                loss.backward()
                self.losses.append(float(loss.detach()))
        self.optimiser.step()
        self.step += 1

    def save(self, path: Path) -> None:
        """Write down everything that going on needs, whole or not at all."""
        part = path.with_suffix(".part")
        values = {"weight": self.weight.detach(), "bias": self.bias.detach(), "optimiser": self.optimiser.state_dict()}
        torch.save({**values, "step": self.step, "seconds": self.seconds}, part)
        part.rename(path)

    def load(self, path: Path) -> None:
        """Go on from what was written down, if there is any."""
        if not path.exists():
            return
        saved = torch.load(path, weights_only=True, map_location=self.weight.device)
        with torch.no_grad():
            self.weight.copy_(saved["weight"])
            self.bias.copy_(saved["bias"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.step, self.seconds = saved["step"], saved["seconds"]
