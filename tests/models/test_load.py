"""What load gives and what it leaves alone."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from workbench.errors import UserError
from workbench.models import registry
from workbench.models.load import load

TINY = ("llama", "llama-gqa", "gpt2", "gpt-neo", "gpt-neox", "bloom", "opt", "gemma-2", "olmo", "olmo-2", "starcoder2")


@pytest.mark.parametrize("architecture", TINY)
def test_fields_of_a_model(tiny_checkpoint: Callable[..., Path], architecture: str) -> None:
    folder = tiny_checkpoint(architecture)
    model = load(folder)
    assert (model.n_layers, model.n_heads, model.window) == (4, 4, 512)
    assert model.name == folder.name
    assert model.source == str(folder.resolve())
    assert len(model.digest) == 64
    assert model.hooked.tokenizer is None
    assert not model.hooked.training
    assert not any(parameter.requires_grad for parameter in model.hooked.parameters())


@pytest.mark.parametrize(
    ("architecture", "setting", "window"),
    [
        ("llama", "max_position_embeddings", 5000),
        ("llama-gqa", "max_position_embeddings", 131072),
        ("gpt2", "n_positions", 3000),
        ("gpt-neo", "max_position_embeddings", 100),
        ("gpt-neox", "max_position_embeddings", 5000),
        ("bloom", "seq_length", 4096),
        ("bloom", "seq_length", None),
        ("opt", "max_position_embeddings", 3000),
        ("mistral", "max_position_embeddings", 32768),
        ("qwen3", "max_position_embeddings", 40960),
        ("gemma-2", "max_position_embeddings", 8192),
    ],
)
def test_the_true_window_is_kept(
    tiny_checkpoint: Callable[..., Path], architecture: str, setting: str, window: int | None
) -> None:
    # BLOOM's configs do not always say: it was trained on 2048 tokens.
    assert load(tiny_checkpoint(architecture, **{setting: window})).window == (window or 2048)


def test_positions_beyond_2048_are_right(tiny_checkpoint: Callable[..., Path]) -> None:
    # TransformerLens makes rotary tables of 2048 positions and lengthens them when asked to.
    folder = tiny_checkpoint("llama-gqa", max_position_embeddings=5000)
    ids = torch.randint(3, 300, (1, 2300), generator=torch.Generator().manual_seed(0))
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    with torch.no_grad():
        difference = (load(folder).hooked(ids) - theirs(ids).logits)[:, 2048:].abs().max()
    assert difference < 1e-5


@pytest.mark.parametrize("place", ["meta-llama/Llama-2-7b-hf", "google/gemma-2-2b", "roneneldan/TinyStories-1M"])
def test_a_telling_path_tells_nothing(tiny_checkpoint: Callable[..., Path], tmp_path: Path, place: str) -> None:
    # TransformerLens takes dimensions and window of a published model from such names.
    copy = shutil.copytree(tiny_checkpoint("gpt2"), tmp_path / place)
    model = load(copy)
    assert (model.n_layers, model.hooked.cfg.d_model, model.window) == (4, 32, 512)


def test_a_folder_needs_no_network(tiny_checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_checkpoint("llama")

    def refuse(*_: Any) -> None:
        raise AssertionError("network used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert load(folder).n_layers == 4


def test_relative_folders_and_paths(tiny_checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_checkpoint("gpt2")
    monkeypatch.chdir(folder)
    model = load(".")
    assert (model.name, model.source) == (folder.name, str(folder.resolve()))
    monkeypatch.chdir(folder.parent)
    assert load(folder.name).digest == load(str(folder)).digest == model.digest


def test_the_embedded_model_is_the_default_folder(
    tiny_checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(registry, "MINI", tiny_checkpoint("llama"))
    # A folder of that name does not stand in for it.
    (tmp_path / "mini").mkdir()
    monkeypatch.chdir(tmp_path)
    model = load("mini")
    assert (model.name, model.n_layers) == ("mini", 4)
    assert load("Mini").digest == model.digest


def test_nothing_is_said(tiny_checkpoint: Callable[..., Path], capfd: pytest.CaptureFixture[str]) -> None:
    folder = tiny_checkpoint("llama")
    capfd.readouterr()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load(folder)
        load(folder, dtype=torch.bfloat16)
    assert caught == []
    assert capfd.readouterr() == ("", "")


def test_the_libraries_may_speak_again_afterwards(tiny_checkpoint: Callable[..., Path]) -> None:
    from transformers.utils import logging

    before = (logging.get_verbosity(), logging.is_progress_bar_enabled())
    load(tiny_checkpoint("llama"))
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


@pytest.mark.parametrize("architecture", TINY)
def test_shards_give_the_same_model(tiny_checkpoint: Callable[..., Path], tmp_path: Path, architecture: str) -> None:
    folder = tiny_checkpoint(architecture)
    sharded = Path(shutil.copytree(folder, tmp_path / "sharded"))
    whole = transformers.AutoModelForCausalLM.from_pretrained(folder)
    (sharded / "model.safetensors").unlink()
    whole.save_pretrained(sharded, max_shard_size="40KB")
    assert len(list(sharded.glob("*.safetensors"))) > 2
    ids = torch.arange(3, 40)[None]
    assert torch.equal(load(sharded).hooked(ids), load(folder).hooked(ids))


def test_old_style_rope_settings(tiny_checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    # As Llama 3.1's own config.json has them.
    folder = tiny_checkpoint("llama-gqa")
    old = Path(shutil.copytree(folder, tmp_path / "old"))
    config = json.loads((old / "config.json").read_text())
    rope = config.pop("rope_parameters")
    config |= {"rope_theta": rope.pop("rope_theta"), "rope_scaling": rope}
    (old / "config.json").write_text(json.dumps(config))
    ids = torch.arange(3, 90)[None]
    assert torch.equal(load(old).hooked(ids), load(folder).hooked(ids))


@pytest.mark.parametrize(
    ("architecture", "prefix", "leftovers"),
    [
        ("gpt2", "h.{}.attn.", ("bias", "masked_bias")),
        ("gpt-neo", "transformer.h.{}.attn.attention.", ("bias", "masked_bias")),
        ("gpt-neox", "gpt_neox.layers.{}.attention.", ("bias", "masked_bias", "rotary_emb.inv_freq")),
        ("llama", "model.layers.{}.self_attn.", ("rotary_emb.inv_freq",)),
    ],
)
def test_published_checkpoints_hold_more_than_weights(
    tiny_checkpoint: Callable[..., Path], tmp_path: Path, architecture: str, prefix: str, leftovers: tuple[str, ...]
) -> None:
    # Masks and rotary tables of earlier versions. GPT-2's own repository leaves out the first part of names, too.
    folder = tiny_checkpoint(architecture)
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    weights = load_file(copy / "model.safetensors")
    if architecture == "gpt2":
        weights = {name.removeprefix("transformer."): tensor for name, tensor in weights.items()}
    weights |= {prefix.format(layer) + name: torch.ones(1, 1, 8, 8) for layer in range(4) for name in leftovers}
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    ids = torch.arange(3, 40)[None]
    assert torch.equal(load(copy).hooked(ids), load(folder).hooked(ids))


def test_architecture_is_found_by_model_type(tiny_checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_checkpoint("gpt-neo"), tmp_path / "copy"))
    config = json.loads((copy / "config.json").read_text())
    del config["architectures"]
    (copy / "config.json").write_text(json.dumps(config))
    assert load(copy).hooked.cfg.original_architecture == "GPTNeoForCausalLM"


def test_editing_a_model_leaves_its_file_alone(tiny_checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_checkpoint("llama"), tmp_path / "copy"))
    before = (copy / "model.safetensors").read_bytes()
    model = load(copy)
    with torch.no_grad():
        for parameter in model.hooked.parameters():
            parameter.zero_()
    assert (copy / "model.safetensors").read_bytes() == before
    assert load(copy).hooked.W_O.abs().sum() > 0


def test_weights_lie_as_the_forward_pass_wants_them(tiny_model: Callable[..., Any]) -> None:
    # TransformerLens lays these out anew on every forward pass unless they lie so already.
    hooked = tiny_model("llama").hooked
    assert hooked.unembed.W_U.T.is_contiguous()
    assert hooked.blocks[0].mlp.W_in.T.is_contiguous()
    assert hooked.blocks[0].attn.W_Q.permute(0, 2, 1).is_contiguous()


MEASURE = """
import ctypes, gc, sys, torch
from workbench.models.load import load
def memory(key):
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(key)) / 1024
dtype = getattr(torch, sys.argv[2])
load(sys.argv[1], dtype=dtype).hooked(torch.arange(8)[None])  # what the libraries take once and keep
before = memory("VmRSS")
open("/proc/self/clear_refs", "w").write("5")
model = load(sys.argv[1], dtype=dtype)
size = sum(p.numel() * p.element_size() for p in model.hooked.parameters()) / 2**20
peak = memory("VmHWM") - before
model.hooked(torch.arange(8)[None])  # weights that are a map of the file come in only now
print(size, peak / size, (memory("VmRSS") - before) / size)
"""


def memory_of_loading(folder: Path, dtype: str) -> tuple[float, float, float]:
    """Megabytes of the weights; memory at its most while loading, and after a first pass, as multiples of that."""
    command = [sys.executable, "-c", MEASURE, str(folder), dtype]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    size, peak, after = map(float, result.stdout.split())
    return size, peak, after


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measures memory through /proc")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_memory_while_loading(tiny_checkpoint: Callable[..., Path], dtype: str) -> None:
    shape = {"hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 6, "num_attention_heads": 8}
    size, peak, after = memory_of_loading(tiny_checkpoint("llama", **shape), dtype)
    assert size > 30
    assert peak < 1.3
    assert after < 1.1


LARGE = {
    "llama": {"hidden_size": 1024, "intermediate_size": 2816, "num_attention_heads": 8},
    "gpt-neox": {"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 8},
    "bloom": {"hidden_size": 1024, "n_head": 8},
    "gpt2": {"n_embd": 1024, "n_head": 8},
    "opt": {"hidden_size": 1024, "ffn_dim": 4096, "num_attention_heads": 8},
    "starcoder2": {"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 8},
    "gemma-2": {"hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 6, "head_dim": 256},
}


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measures memory through /proc")
@pytest.mark.parametrize(
    ("stored", "dtype"),
    [(torch.float32, "float32"), (torch.float32, "bfloat16"), (torch.bfloat16, "float32"), (torch.float32, "float64")],
)
@pytest.mark.parametrize("architecture", LARGE)
def test_memory_of_larger_models(
    tiny_checkpoint: Callable[..., Path], tmp_path: Path, architecture: str, stored: torch.dtype, dtype: str
) -> None:
    large = tiny_checkpoint(architecture, **LARGE[architecture])
    folder = Path(shutil.copytree(large, tmp_path / "large"))
    transformers.AutoModelForCausalLM.from_pretrained(large, dtype=stored).save_pretrained(folder)
    size, peak, after = memory_of_loading(folder, dtype)
    assert size > 80
    assert peak < 2.1
    assert after < 1.05


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex64, torch.float8_e4m3fn])
def test_dtypes_that_no_model_has(tiny_checkpoint: Callable[..., Path], dtype: torch.dtype) -> None:
    with pytest.raises(UserError, match=r"expected float32, float64, bfloat16, float16\.$"):
        load(tiny_checkpoint("llama"), dtype=dtype)


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_devices_that_are_not_there(tiny_checkpoint: Callable[..., Path], device: str) -> None:
    with pytest.raises(UserError, match=f"^Device '{device}' cannot be used here"):
        load(tiny_checkpoint("llama"), device=device)


def test_weights_go_to_the_device(tiny_checkpoint: Callable[..., Path]) -> None:
    # `meta` is on every machine, and not the CPU.
    hooked = load(tiny_checkpoint("llama"), device="meta").hooked
    assert {parameter.device.type for parameter in hooked.parameters()} == {"meta"}
    assert str(hooked.cfg.device) == "meta"
