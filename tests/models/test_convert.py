"""Pickled weights into safetensors: only when asked, and never by running what is in them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file
from torch import Tensor

from workbench.errors import UserError
from workbench.models.convert import convert
from workbench.models.load import load


@pytest.fixture
def pickled(tiny_checkpoint: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """A tiny checkpoint whose weights are pickles, in as many files as told."""

    def make(architecture: str = "opt", shards: int = 1, **options: Any) -> Path:
        folder = Path(shutil.copytree(tiny_checkpoint(architecture), tmp_path / "pickled"))
        (folder / "model.safetensors").unlink()
        model = transformers.AutoModelForCausalLM.from_pretrained(tiny_checkpoint(architecture))
        weights = model.state_dict()
        if shards == 1:
            torch.save(weights, folder / "pytorch_model.bin", **options)
            return folder
        names = {name: f"pytorch_model-{1 + n % shards:05}-of-{shards:05}.bin" for n, name in enumerate(weights)}
        for file in set(names.values()):
            torch.save({name: weights[name] for name in weights if names[name] == file}, folder / file)
        index = {"metadata": {}, "weight_map": names}
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
        return folder

    return make


def refusal(folder: Path) -> str:
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(UserError) as caught:
        convert(folder)
    assert sorted(path.name for path in folder.iterdir()) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("architecture", ["opt", "gpt-neox", "bloom"])
def test_a_converted_checkpoint_is_the_same_model(
    pickled: Callable[..., Path], tiny_checkpoint: Callable[..., Path], architecture: str
) -> None:
    folder = pickled(architecture)
    assert convert(folder) == [folder / "model.safetensors"]
    ids = torch.arange(3, 40)[None]
    assert torch.equal(load(folder).hooked(ids), load(tiny_checkpoint(architecture)).hooked(ids))
    assert (folder / "pytorch_model.bin").is_file()


def test_tied_weights_are_written_twice(pickled: Callable[..., Path]) -> None:
    # OPT's embedding is its unembedding too; safetensors allows no shared memory.
    folder = pickled("opt")
    convert(folder)
    weights = load_file(folder / "model.safetensors")
    assert torch.equal(weights["lm_head.weight"], weights["model.decoder.embed_tokens.weight"])


def test_shards(pickled: Callable[..., Path], tiny_checkpoint: Callable[..., Path]) -> None:
    folder = pickled("opt", shards=3)
    assert [path.name for path in convert(folder)] == [
        *(f"model-{number:05}-of-00003.safetensors" for number in (1, 2, 3)),
        "model.safetensors.index.json",
    ]
    ids = torch.arange(3, 40)[None]
    assert torch.equal(load(folder).hooked(ids), load(tiny_checkpoint("opt")).hooked(ids))


def test_pickles_of_old_versions(pickled: Callable[..., Path]) -> None:
    folder = pickled(_use_new_zipfile_serialization=False)
    convert(folder)
    assert load(folder).n_layers == 4


class Malicious:
    """Makes a folder when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_code_in_a_pickle_is_not_run(pickled: Callable[..., Path], tmp_path: Path) -> None:
    folder = pickled()
    torch.save({"weight": torch.ones(2), "extra": Malicious(tmp_path / "run")}, folder / "pytorch_model.bin")
    assert "holds more than weights, which could run code" in refusal(folder)
    assert not (tmp_path / "run").exists()
    # The file is what it is said to be: opened carelessly, it runs.
    torch.load(folder / "pytorch_model.bin", weights_only=False)
    assert (tmp_path / "run").exists()


def test_one_bad_shard_leaves_nothing_behind(pickled: Callable[..., Path]) -> None:
    folder = pickled(shards=2)
    path = folder / "pytorch_model-00002-of-00002.bin"
    path.write_bytes(path.read_bytes()[:-500])
    assert "damaged or cut short" in refusal(folder)


@pytest.mark.parametrize("content", [[1, 2], {"weight": [1, 2]}, torch.ones(2)], ids=["list", "numbers", "tensor"])
def test_something_else_than_weights(
    pickled: Callable[..., Path], content: list[int] | dict[str, Any] | Tensor
) -> None:
    folder = pickled()
    torch.save(content, folder / "pytorch_model.bin")
    assert "something else than named tensors" in refusal(folder)


@pytest.mark.parametrize("content", [b"", b"not a pickle"])
def test_damaged_pickle(pickled: Callable[..., Path], content: bytes) -> None:
    folder = pickled()
    (folder / "pytorch_model.bin").write_bytes(content)
    assert str(folder / "pytorch_model.bin") in refusal(folder)


def test_safetensors_already_there(tiny_checkpoint: Callable[..., Path]) -> None:
    assert refusal(tiny_checkpoint("opt")).endswith("has safetensors already: it loads as it is.")


def test_nothing_there(pickled: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no folder"):
        convert(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "has no config.json" in refusal(tmp_path / "empty")
    folder = pickled()
    (folder / "pytorch_model.bin").unlink()
    assert "nothing to convert: expected pytorch_model.bin" in refusal(folder)


def test_a_shard_is_missing(pickled: Callable[..., Path]) -> None:
    folder = pickled(shards=2)
    (folder / "pytorch_model-00001-of-00002.bin").unlink()
    assert "lacks shards that pytorch_model.bin.index.json names (pytorch_model-00001-of-00002.bin)" in refusal(folder)


def test_loading_converts_nothing(pickled: Callable[..., Path]) -> None:
    folder = pickled()
    with pytest.raises(UserError, match="workbench convert"):
        load(folder)
    assert not list(folder.glob("*.safetensors"))
