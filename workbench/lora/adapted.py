"""A Hugging Face model with an adapter, and what becomes of it: a merged model that is measured like any other."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from workbench.lora.projections import modules_named, projections
from workbench.lora.settings import Training
from workbench.models.files import checkpoint_files
from workbench.models.model import Model
from workbench.models.quiet import quiet
from workbench.models.source import locate
from workbench.models.weights import hooked_from, load_original


def original_model(
    name: str, revision: str | None = None, *, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> PreTrainedModel:
    """Hugging Face's model of that name, folder or hub id, read from the files that `workbench.models.load` reads.

    Raises:
        UserError: it cannot be had, is quantised, or cannot be loaded so that its numbers are right.
    """
    source = locate(name, revision)
    with quiet():
        model = load_original(checkpoint_files(source.folder), source.name, dtype)
    # Where peft's files say that the adapter belongs.
    model.name_or_path = str(source.folder)
    # transformers wraps `to` in a way that hides its arguments from type checkers.
    return model.to(device)  # type: ignore[arg-type]


def with_adapter(
    model: PreTrainedModel, targets: Sequence[str], layers: Sequence[int], training: Training, *, name: str, seed: int
) -> PeftModel:
    """The model, frozen, with an untrained adapter on those layers; it computes what it did.

    Args:
        model: the model; peft writes its modules into it.
        targets: which projections, see `workbench.lora.projections`.
        layers: of which layers.
        training: rank, alpha and dropout.
        name: what the model is called, for errors.
        seed: of the adapter's random factor.

    Raises:
        UserError: the model has no such projection or layer.
    """
    modules = modules_named(projections(model), targets, layers, name)
    config = LoraConfig(
        r=training.rank,
        lora_alpha=training.alpha,
        lora_dropout=training.dropout,
        bias="none",
        target_modules=modules,
        # GPT-2 keeps its matrices the other way round.
        fan_in_fan_out=isinstance(model.get_submodule(modules[0]), Conv1D),
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(), warnings.catch_warnings():
        # peft asks transformers for a property by its old name.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def adapter_state(adapted: PeftModel) -> dict[str, torch.Tensor]:
    """A copy of the adapter's numbers, by the names that peft's files have."""
    # Told so, peft does not ask the hub whether the embeddings are new.
    state = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    return {name: value.detach().cpu().clone() for name, value in state.items()}


def merged_model(base: Model, adapted: PeftModel) -> Model:
    """The adapter added into the matrices it stands on, as a model of the workbench beside `base`.

    The Hugging Face model is used up: its tensors become the parameters, none is copied.
    """
    digest = hashlib.sha256(base.digest.encode())
    for name, value in sorted(adapter_state(adapted).items()):
        digest.update(name.encode() + value.double().numpy().tobytes())
    devices = sorted({str(parameter.device) for parameter in base.hooked.parameters()})
    cfg = base.hooked.cfg
    with quiet():
        merged: Any = adapted.merge_and_unload()
        hooked = hooked_from(merged, base.name, cfg.dtype, [torch.device(device) for device in devices])
    return replace(base, hooked=hooked, digest=digest.hexdigest(), source=f"{base.source} with an adapter")
