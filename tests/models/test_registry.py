"""The list of models known by name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
    assert entry.gated == entry.hub.startswith("meta-llama/")


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
    present = registry.entries()[0]
    assert (present.layers, present.heads, present.window) == (8, 4, 1024)
