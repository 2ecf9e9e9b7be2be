"""Training an adapter: AdamW, a rate that falls linearly, gradients cut off at a norm of one, as Hugging Face's trainer does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from peft import PeftModel, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from workbench.errors import UserError
from workbench.learning.examples import Batch, Example, batch_of, cross_entropy, mean_loss
from workbench.learning.fit import Fitted, fit
from workbench.learning.folder import TrainingFolder
from workbench.lora.adapted import adapter_state
from workbench.lora.settings import Training
from workbench.random_streams import stream

ADAPTER = "adapter_model.safetensors"
"""As peft calls it."""
WEIGHT_DECAY, LARGEST_GRADIENT = 0.0, 1.0
"""The defaults of Hugging Face's trainer, which the official code leaves as they are."""


def train_adapter(
    adapted: PeftModel,
    training: Training,
    examples: Sequence[Example],
    validation: Sequence[Example],
    *,
    seed: int,
    folder: TrainingFolder | None = None,
    progress: Callable[[int], object] | None = None,
) -> Fitted:
    """Train the adapter of a model, or load it where its folder has it finished; evaluating afterwards.

    Args:
        adapted: the model with its adapter.
        training: how.
        examples: what it learns from.
        validation: what decides when it stops.
        seed: of the order of the examples and of dropout.
        folder: where the adapter, in peft's format, and what going on needs are kept, claimed; nothing is kept without one.
        progress: called with the number of steps just done.

    Raises:
        UserError: the loss is no finite number, or a kept adapter cannot be read.
    """
    done = folder.finished() if folder is not None else None
    if folder is not None and done is not None:
        _load_adapter(adapted, folder.path)
        adapted.eval()
        return done
    learner = _Adapter(adapted, training, examples, validation, seed)
    state = None if folder is None else folder.state
    found = fit(learner, training.schedule, len(examples), name="lora", seed=seed, state=state, progress=progress)
    adapted.eval()
    if folder is not None:
        # Told so, peft does not ask the hub whether the embeddings are new.
        adapted.save_pretrained(str(folder.path), safe_serialization=True, save_embedding_layers=False)
        folder.finish(found)
    return found


class _Adapter:
    """An adapter that learns."""

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
        self.parameters = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
        self.optimiser: torch.optim.Optimizer = torch.optim.AdamW(
            self.parameters, lr=training.learning_rate, weight_decay=WEIGHT_DECAY
        )

    def learn(self, places: Sequence[int], step: int, last_step: int) -> float:
        """One step."""
        self.adapted.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.training.learning_rate * (1 - step / last_step)
        dropout = int(stream(self.seed, "lora", "dropout", step).integers(2**31))
        with torch.random.fork_rng(), torch.enable_grad():
            torch.manual_seed(dropout)
            total, count = self.loss(batch_of([self.examples[place] for place in places]))
            loss = total / count
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, LARGEST_GRADIENT)
        self.optimiser.step()
        return loss.item()

    def evaluate(self) -> dict[str, float]:
        """Mean over the tokens of all validation examples that count, in nats."""
        self.adapted.eval()
        return {"loss": mean_loss(self.loss, self.validation, self.training.training_batch)}

    def weights(self) -> dict[str, Tensor]:
        """A copy of the adapter."""
        return adapter_state(self.adapted)

    def set_weights(self, weights: dict[str, Tensor]) -> None:
        """Take up a copy."""
        set_peft_model_state_dict(self.adapted, weights)

    def loss(self, batch: Batch) -> tuple[Tensor, int]:
        """Cross-entropy summed over the tokens that count, in nats, and their number."""
        batch = batch.to(self.device)
        logits = self.adapted(input_ids=batch.token_ids, attention_mask=batch.real.long(), use_cache=False).logits
        return cross_entropy(logits[:, :-1][batch.counted[:, 1:]], batch)


def _load_adapter(adapted: PeftModel, folder: Path) -> None:
    try:
        weights = load_file(folder / ADAPTER)
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"The adapter in {folder} cannot be read ({error}): delete the folder to train it again."
        ) from error
    set_peft_model_state_dict(adapted, weights)
