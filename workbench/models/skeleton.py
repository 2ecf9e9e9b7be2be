"""A model's shape without its weights: to count what a run would compute, and to time layers like the model's own."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from transformer_lens import HookedTransformer

from workbench.models.architectures import find_architecture
from workbench.models.files import CheckpointFiles, checkpoint_files, read_json
from workbench.models.load import usable_device
from workbench.models.model import Model
from workbench.models.quiet import quiet
from workbench.models.source import locate
from workbench.models.tokenizer import end_tokens, load_tokenizer, prepended_token
from workbench.models.weights import hooked_config, read_config, stored_shapes


def skeleton(name_or_folder: str, revision: str | None = None, *, dtype: torch.dtype = torch.float32) -> Model:
    """The model with its tokenizer and all its shapes, but on PyTorch's `meta` device, which stores no numbers.

    Raises:
        UserError: no such model, or none that can be loaded.
    """
    with torch.device("meta"):
        return _built(name_or_folder, revision, dtype)


def thin_model(
    name_or_folder: str,
    revision: str | None = None,
    *,
    layers: int,
    vocabulary: int,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
) -> Model:
    """A model of a few layers of the same shape with random weights and a small vocabulary, on a device.

    Token ids of a prompt must be brought below `vocabulary`. Raises as `skeleton`, and where the device cannot be used.
    """
    model = _built(name_or_folder, revision, dtype, layers=layers, vocabulary=vocabulary)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        for parameter in model.hooked.parameters():
            parameter.normal_(std=0.02)
    model.hooked.to(usable_device(device), print_details=False)
    return model


def stored_numbers(name_or_folder: str, revision: str | None = None) -> int:
    """How many numbers the weights of a checkpoint are, read from the headers of its files."""
    files = checkpoint_files(locate(name_or_folder, revision).folder)
    return sum(prod(shape) for shape in stored_shapes(files).values())


def _built(name_or_folder: str, revision: str | None, dtype: torch.dtype, **smaller: int) -> Model:
    source = locate(name_or_folder, revision)
    files = checkpoint_files(source.folder)
    with quiet():
        tokenizer = load_tokenizer(files.folder)
        hooked = _hooked(files, source.name, dtype, **smaller)
    return Model(
        name=source.name,
        hooked=hooked,
        tokenizer=tokenizer,
        window=hooked.cfg.n_ctx,
        bos=prepended_token(tokenizer),
        eos=end_tokens(files.folder, tokenizer),
        digest="",
        source=source.described,
    )


def _hooked(
    files: CheckpointFiles, name: str, dtype: torch.dtype, layers: int | None = None, vocabulary: int | None = None
) -> HookedTransformer:
    architecture = find_architecture(read_json(files.config), name)
    config = read_config(files, architecture)
    settings = architecture.settings(config)
    changes: dict[str, Any] = {}
    if layers is not None:
        # What is listed layer by layer is cut to as many.
        whole = settings["n_layers"]
        listed = {key: value[:layers] for key, value in settings.items() if _is_listed(value, whole)}
        changes = {"n_layers": layers, **listed}
    if vocabulary is not None:
        changes |= {"d_vocab": vocabulary}
    hooked = HookedTransformer(hooked_config(architecture, config, name, dtype, **changes), move_to_device=False)
    if architecture.prepare is not None:
        architecture.prepare(hooked)
    return hooked.eval().requires_grad_(False)


def _is_listed(value: object, layers: int) -> bool:
    return isinstance(value, list) and len(value) == layers
