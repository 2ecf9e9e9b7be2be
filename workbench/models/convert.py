"""Pickled weights into safetensors, once and only when asked.

A pickle can run code when it is opened. These are opened with `weights_only=True`, which refuses everything but tensors
and plain containers; a file that needs more is not converted.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from workbench.errors import UserError
from workbench.models.files import CONFIG, INDEX, WEIGHTS, read_json

PICKLE = "pytorch_model.bin"
PICKLE_INDEX = "pytorch_model.bin.index.json"


def convert(folder: Path) -> list[Path]:
    """Write the pickled weights of a checkpoint folder beside them as safetensors.

    One pickle is in memory at a time. Nothing is written unless everything could be read, and the pickles stay.

    Returns:
        The files written.

    Raises:
        UserError: no checkpoint folder, no pickles, safetensors already there, or a pickle that is damaged, cut short
            or holds more than weights.
    """
    pickles = _pickles(folder)
    if len(pickles) == 1:
        named = {pickles[0]: WEIGHTS}
    else:
        numbers = range(1, len(pickles) + 1)
        named = {
            path: f"model-{number:05}-of-{len(pickles):05}.safetensors"
            for number, path in zip(numbers, pickles, strict=True)
        }
    # Half-written files have other names: a folder that looks converted is.
    written = [folder / f"{name}.part" for name in named.values()]
    try:
        weight_map = dict(_written(named, written))
        finished = [path.rename(path.with_suffix("")) for path in written]
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    if len(finished) > 1:
        size = sum(path.stat().st_size for path in finished)
        content = {"metadata": {"total_size": size}, "weight_map": weight_map}
        (folder / INDEX).write_text(json.dumps(content, indent=2), encoding="utf-8")
        finished.append(folder / INDEX)
    return finished


def _written(named: dict[Path, str], parts: list[Path]) -> Iterator[tuple[str, str]]:
    """Write every pickle's tensors; give each tensor's name and its file's."""
    for (path, name), part in zip(named.items(), parts, strict=True):
        tensors = _read(path)
        save_file(_apart(tensors), part, metadata={"format": "pt"})
        yield from ((tensor, name) for tensor in tensors)


def _pickles(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}: expected the folder of a downloaded Hugging Face checkpoint.")
    if not (folder / CONFIG).is_file():
        raise UserError(f"{folder} has no {CONFIG}: expected the folder of a downloaded Hugging Face checkpoint.")
    if any(folder.glob("*.safetensors")):
        raise UserError(f"{folder} has safetensors already: it loads as it is.")
    if (folder / PICKLE).is_file():
        return [folder / PICKLE]
    if not (folder / PICKLE_INDEX).is_file():
        raise UserError(f"{folder} has nothing to convert: expected {PICKLE}, or shards with {PICKLE_INDEX}.")
    names = sorted(set(read_json(folder / PICKLE_INDEX).get("weight_map", {}).values()))
    absent = [name for name in names if not (folder / name).is_file()]
    if absent or not names:
        raise UserError(
            f"{folder} lacks shards that {PICKLE_INDEX} names ({', '.join(absent[:3])}): download them too."
        )
    return [folder / name for name in names]


def _read(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} is damaged, or holds more than weights, which could run code, and is not converted: download it again, "
            "find the checkpoint as safetensors, or convert it yourself where that can do no harm."
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        raise UserError(f"{path} is damaged or cut short ({_first_line(error)}): download it again.") from error
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise UserError(f"{path} holds something else than named tensors: expected the weights of a model.")
    return content


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that share no memory, as safetensors wants them: tied weights are written twice."""
    seen: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage().data_ptr()
        apart[name] = (
            tensor.contiguous() if storage not in seen else tensor.clone(memory_format=torch.contiguous_format)
        )
        seen.add(storage)
    return apart


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")
