"""The list of models known by name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from workbench.models import registry
from workbench.models.architectures import ARCHITECTURES


def test_it_needs_no_torch() -> None:
    code = "import sys, workbench.models.registry; sys.exit('torch' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_names_and_ids_are_unique() -> None:
    keys = [key.lower() for entry in registry.entries() for key in {entry.name, entry.hub} if key]
    assert len(keys) == len(set(keys))


def test_architectures_are_supported() -> None:
    labels = {architecture.label for architecture in ARCHITECTURES}
    assert {entry.architecture for entry in registry.entries()} == labels


@pytest.mark.parametrize("entry", registry.entries()[1:], ids=lambda entry: entry.name)
def test_entries_make_sense(entry: registry.Entry) -> None:
    assert entry.hub is not None
    assert entry.hub.count("/") == 1
    assert entry.layers
    assert entry.heads
    assert entry.key_value_heads
    assert entry.heads % entry.key_value_heads == 0
    assert entry.window
    assert entry.window >= 1024
    assert entry.gated == entry.hub.startswith(("meta-llama/", "google/gemma-2", "mistralai/"))
    assert entry.size("float32") == 2 * (entry.size("bfloat16") or 0) == 4 * (entry.parameters or 0)
    # Roughly the size that its name says; bloom-1b7 writes its point as a letter.
    title = re.sub(r"(\d)b(\d)", r"\1.\2b", entry.hub.rsplit("/", maxsplit=1)[-1].lower())
    said = re.search(r"(\d+(?:\.\d+)?)(m|b)", title)
    if said and entry.parameters:
        billions = float(said[1]) / (1000 if said[2] == "m" else 1)
        assert 0.7 < entry.parameters / 1e9 / billions < 1.5


PAPERS = [
    *("gpt-neo-125M", "gpt-neo-1.3B", "gpt-neo-2.7B", "bloom-560m", "bloom-3b", "Llama-7b", "Llama-2-7b"),
    *("Llama-2-7b-chat", "Llama-3.1-8B", "Llama-3.1-8B-Instruct", "Llama-3.1-70B", "starcoder2-3b", "starcoder2-7b"),
    *("opt-125m", "opt-66b", "gemma-2-2b", "gemma-2-9b", "gemma-2-27b", "OLMo-7B", "pythia-70m", "pythia-12b"),
    *("Qwen2-7B", "Qwen2.5-7B", "Qwen3-8B-Base", "Mistral-7B-v0.1", "gpt2"),
]


@pytest.mark.parametrize("name", PAPERS)
def test_every_model_of_the_papers_is_known(name: str) -> None:
    found = registry.find(name)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    ("name", "settings", "parameters"),
    [
        ("gpt2", {}, 124_439_808),
        ("bloom-3b", {"hidden_size": 2560, "n_layer": 30, "n_head": 32, "vocab_size": 250880}, 3_002_557_440),
        ("Llama-7b", {}, 6_738_415_616),
        ("gemma-2-2b", {}, 2_614_341_888),
        ("OLMo-7B", {}, 6_888_095_744),
        ("starcoder2-3b", {}, 3_030_371_328),
        ("opt-125m", {}, 125_239_296),
        ("Mistral-7B-v0.1", {}, 7_241_732_096),
    ],
)
def test_parameters_are_those_of_the_shapes(name: str, settings: dict[str, int], parameters: int) -> None:
    # Those whose config class has their own shapes as defaults; built without memory.
    import torch
    import transformers

    entry = registry.find(name)
    assert entry is not None
    kind = next(one for one in ARCHITECTURES if one.label == entry.architecture)
    config = getattr(transformers, kind.class_name).config_class(**settings)
    with torch.device("meta"):
        model = getattr(transformers, kind.class_name)(config)
    model.tie_weights()
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters == entry.parameters
    shape = kind.settings(config)
    assert (shape["n_layers"], shape["n_heads"]) == (entry.layers, entry.heads)


def test_revisions_of_pythia() -> None:
    revisions = registry.pythia_revisions()
    assert len(revisions) == len(set(revisions)) == 154
    assert revisions[:4] == ("step0", "step1", "step2", "step4")
    assert revisions[10:13] == ("step512", "step1000", "step2000")
    assert revisions[-1] == "step143000"


@pytest.mark.parametrize(
    ("name", "pattern"),
    [("pythia-1b", "step143000"), ("OLMo-7B-0424", "stepN"), ("OLMo-1B", "stepN"), ("pythia-2.8b", "issues/205")],
)
def test_checkpoints_of_training_are_named(name: str, pattern: str) -> None:
    found = registry.find(name)
    assert found is not None
    assert pattern in found.revisions


@pytest.mark.parametrize("name", ["gpt2", "GPT2", "openai-community/gpt2"])
def test_find(name: str) -> None:
    found = registry.find(name)
    assert found is not None
    assert (found.name, found.layers, found.heads, found.window) == ("gpt2", 12, 12, 1024)


def test_find_nothing() -> None:
    assert registry.find("gpt5") is None


def test_nearest() -> None:
    assert registry.nearest("gpt-neo-2.7b")[0] == "gpt-neo-2.7B"
    assert registry.nearest("meta-llama/Llama-2-7b")[0] == "Llama-2-7b"
    assert registry.nearest("qqqq") == []
    assert len(registry.nearest("llama")) <= 3


def test_the_embedded_model_describes_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry, "MINI", tmp_path)
    missing = registry.entries()[0]
    assert (missing.name, missing.hub, missing.layers, missing.window) == ("mini", None, None, None)
    config = {"num_hidden_layers": 8, "num_attention_heads": 4, "max_position_embeddings": 1024}
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file({"a": np.zeros((3, 4)), "b": np.zeros(5)}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    present = registry.entries()[0]
    assert (present.layers, present.heads, present.window) == (8, 4, 1024)
    assert (missing.parameters, missing.size("float32")) == (None, None)
    assert (present.parameters, present.size("float32")) == (17, 68)
