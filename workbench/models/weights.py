"""From a checkpoint's files to a HookedTransformer that computes the same logits.

Memory: the weights are read once and never copied, or converted one at a time where another dtype is wanted. The
Hugging Face model is built from the files, the weight map gives views of its tensors, and these become the
HookedTransformer's parameters; what is left of the Hugging Face model goes. TransformerLens's own way holds two copies,
or three in half precision (it goes through float32). Keeping the layout of the files has a second use: TransformerLens
brings attention, feed-forward and unembedding weights back into that layout on every forward pass, which is then free.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformer_lens import HookedTransformer, HookedTransformerConfig
from transformers import PreTrainedConfig, PreTrainedModel

from workbench.errors import UserError
from workbench.models.architectures import find_architecture
from workbench.models.architectures.architecture import Architecture
from workbench.models.files import CheckpointFiles, read_json
from workbench.models.placement import spread

# The maps for GPT-2 and BLOOM leave out this bias, which neither has; it stays the zero it was made as.
_MAY_BE_MISSING = {"unembed.b_U"}

# As a safetensors file calls them.
_STORED_AS = {torch.float32: "F32", torch.float64: "F64", torch.bfloat16: "BF16", torch.float16: "F16"}
_NO_WEIGHTS = ("BOOL", "U8", "I8", "I16", "I32", "I64")


def load_weights(
    files: CheckpointFiles, name: str, dtype: torch.dtype, devices: Sequence[torch.device]
) -> HookedTransformer:
    """The HookedTransformer with a checkpoint's weights: unprocessed, frozen, evaluating, without tokenizer.

    The parameters lie as they do in the file, and of a dtype that is the file's own they are a private map of
    it: an edit stays in memory, but the file must not be overwritten in place meanwhile (rename a new one
    over it).

    Raises:
        UserError: the architecture or a variant of it is not supported, or config and weights do not fit.
    """
    return hooked_from(load_original(files, name, dtype), name, dtype, devices)


def load_original(files: CheckpointFiles, name: str, dtype: torch.dtype) -> PreTrainedModel:
    """Hugging Face's own model of a checkpoint, with every weight from the files, under the same checks.

    Raises:
        UserError: as `load_weights`.
    """
    architecture = find_architecture(read_json(files.config), name)
    config = read_config(files, architecture)
    return _read(files, architecture, config, dtype)


def hooked_from(
    source: PreTrainedModel, name: str, dtype: torch.dtype, devices: Sequence[torch.device]
) -> HookedTransformer:
    """The HookedTransformer of a Hugging Face model: its parameters are views of that model's, of that dtype, on the CPU."""
    architecture = find_architecture({"architectures": [type(source).__name__]}, name)
    hooked = HookedTransformer(hooked_config(architecture, source.config, name, dtype), move_to_device=False)
    if architecture.prepare is not None:
        architecture.prepare(hooked)
    state = {key: value.detach() for key, value in architecture.weights(source, hooked.cfg).items()}
    del source
    _adopt(hooked, state)
    hooked.eval().requires_grad_(False)
    if len(devices) > 1:
        spread(hooked, devices)
    elif devices[0].type != "cpu":
        hooked.to(devices[0], print_details=False)
    return hooked


def read_config(files: CheckpointFiles, architecture: Architecture) -> PreTrainedConfig:
    """The config of a checkpoint, known to be one that comes out right.

    Raises:
        UserError: it is damaged, or a variant that is not supported.
    """
    config_class = getattr(transformers, architecture.class_name).config_class
    try:
        config = config_class.from_pretrained(str(files.folder), local_files_only=True)
    except (ValueError, TypeError, KeyError, StrictDataclassError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise UserError(f"{files.config} does not describe a {architecture.label} model ({reason}).") from error
    problem = architecture.problem(config)
    if getattr(config, "quantization_config", None) is not None:
        problem = (
            "its weights are quantised; give the checkpoint with unquantised weights (float32, bfloat16 or float16)"
        )
    if problem is not None:
        raise UserError(f"{files.folder} cannot be loaded so that its numbers are right: {problem}.")
    return config


def layer_count(files: CheckpointFiles, name: str) -> int:
    """Number of layers, from the config alone; raises as `load_weights` where the config is refused."""
    architecture = find_architecture(read_json(files.config), name)
    return int(architecture.settings(read_config(files, architecture))["n_layers"])


def stored_shapes(files: CheckpointFiles) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor by its name, from the headers of the files: no weights are read.

    Raises:
        UserError: a file is damaged.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    try:
        for path in files.weights:
            with safe_open(path, framework="pt") as opened:
                names = opened.keys()
                shapes |= {name: tuple(opened.get_slice(name).get_shape()) for name in names}
    except (SafetensorError, OSError) as error:
        raise _damaged(files, error) from error
    return shapes


def hooked_config(
    architecture: Architecture, config: PreTrainedConfig, name: str, dtype: torch.dtype, **changes: Any
) -> HookedTransformerConfig:
    """The HookedTransformer's config of a checkpoint; `changes` are fields that shall differ from it."""
    return HookedTransformerConfig(
        **{**architecture.settings(config), **changes},
        original_architecture=architecture.class_name,
        model_name=name,
        dtype=dtype,
        device="cpu",
        init_weights=False,
    )


def _read(
    files: CheckpointFiles, architecture: Architecture, config: PreTrainedConfig, dtype: torch.dtype
) -> PreTrainedModel:
    """The Hugging Face model, with every weight from the files."""
    try:
        converted = _converted(files, dtype)
        model, report = getattr(transformers, architecture.class_name).from_pretrained(
            None if converted is not None else str(files.folder),
            config=config,
            state_dict=converted,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            # Otherwise the error is raised before it is said which weight does not fit.
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except (SafetensorError, OSError) as error:
        raise _damaged(files, error) from error
    _check(report, files, architecture)
    return model


def _damaged(files: CheckpointFiles, error: Exception) -> UserError:
    return UserError(f"The weights in {files.folder} are damaged or cut short ({error}): download them again.")


def _converted(files: CheckpointFiles, dtype: torch.dtype) -> dict[str, Tensor] | None:
    """The tensors in a dtype that is not the files' own; None where it is, and nothing needs to be read yet.

    Each is read through a map of its own, which goes with it: through one map, what has been read of the file would
    stay in memory beside what has been made of it.
    """
    names: list[tuple[Path, str]] = []
    stored: set[str] = set()
    for path in files.weights:
        with safe_open(path, framework="pt") as opened:
            inside = opened.keys()
            stored |= {opened.get_slice(name).get_dtype() for name in inside}
            names += [(path, name) for name in inside]
    if stored <= {_STORED_AS[dtype], *_NO_WEIGHTS}:
        return None
    state = {}
    for path, name in names:
        with safe_open(path, framework="pt") as opened:
            tensor = opened.get_tensor(name)
            state[name] = tensor.to(dtype if tensor.is_floating_point() else tensor.dtype, copy=True)
            del tensor
    return state


def _check(report: dict[str, Any], files: CheckpointFiles, architecture: Architecture) -> None:
    """Refuse what Hugging Face only warns of: it would fill the gaps with random numbers."""
    if report["mismatched_keys"]:
        key, found, expected = sorted(report["mismatched_keys"])[0]
        raise UserError(
            f"The weights in {files.folder} do not fit its config: {key} has shape {tuple(found)}, the "
            f"config makes it {tuple(expected)} ({len(report['mismatched_keys'])} such weights): take both "
            "from one model."
        )
    for kind, said in (
        ("missing_keys", "lack"),
        ("unexpected_keys", "have what the config has no place for:"),
    ):
        keys = sorted(report[kind])
        if kind == "unexpected_keys" and architecture.leftovers is not None:
            keys = [key for key in keys if not re.search(architecture.leftovers, key)]
        if keys:
            shown = ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
            raise UserError(f"The weights in {files.folder} {said} {shown}: take weights and config from one model.")


def _adopt(hooked: HookedTransformer, state: dict[str, Tensor]) -> None:
    """Make the tensors of `state` the model's parameters, as they lie in memory."""
    parameters = dict(hooked.named_parameters())
    wrong = (set(parameters) ^ set(state)) - _MAY_BE_MISSING
    if wrong:
        raise RuntimeError(f"weight map and HookedTransformer disagree on {sorted(wrong)}")
    for key, tensor in state.items():
        parameter = parameters[key]
        if parameter.shape != tensor.shape or parameter.dtype != tensor.dtype:
            raise RuntimeError(
                f"{key} should be {tuple(parameter.shape)} {parameter.dtype}, the weight map gives "
                f"{tuple(tensor.shape)} {tensor.dtype}"
            )
        parameter.data = tensor
