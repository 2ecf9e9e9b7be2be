"""Our reading of configs agrees with TransformerLens's own, where that can be trusted."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import transformer_lens.loading_from_pretrained as library

from workbench.errors import UserError
from workbench.models.architectures import ARCHITECTURES, find_architecture
from workbench.models.architectures.architecture import activation_problem
from workbench.models.files import checkpoint_files
from workbench.models.weights import read_config


@pytest.mark.parametrize(
    "architecture",
    ["llama", "llama-gqa", "gpt2", "gpt-neo", "gpt-neox", "bloom", "opt", "qwen2", "qwen3", "mistral"],
)
def test_settings_agree_with_the_library(
    tiny_checkpoint: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory, architecture: str
) -> None:
    # A folder without a telling name, and the field that GPT-2 configs have lost since.
    folder = Path(shutil.copytree(tiny_checkpoint(architecture), tmp_path_factory.mktemp("plain") / "copy"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"n_ctx": 512}))
    theirs = library.convert_hf_model_config(str(folder))
    kind = find_architecture(config, "here")
    ours = kind.settings(read_config(checkpoint_files(folder), kind))
    # What is about loading, training or texts; what is left at its default; and the library's own cap on windows.
    aside = {"original_architecture", "quantization_method", "tokenizer_name", "initializer_range", "n_ctx"}
    aside |= {"default_prepend_bos", "tokenizer_prepends_bos", "trust_remote_code"}
    defaults = {"use_local_attn", "scale_attn_by_inverse_layer_idx", "use_attn_scale"}
    assert set(theirs) - aside <= set(ours) | defaults
    shared = set(theirs) & set(ours) - aside
    assert {key: ours[key] for key in shared} == {key: theirs[key] for key in shared}


def test_architectures_have_names_of_their_own() -> None:
    for field in ("class_name", "model_type", "label"):
        values = [getattr(architecture, field) for architecture in ARCHITECTURES]
        assert len(set(values)) == len(values)


def test_architecture_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ARCHITECTURES[0].label = "other"  # type: ignore[misc]


@pytest.mark.parametrize("config", [{}, {"architectures": []}, {"architectures": None}])
def test_config_that_names_no_architecture(config: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"^here is a model of no named architecture; supported: Llama "):
        find_architecture(config, "here")


def test_activation_functions_are_those_of_hugging_face() -> None:
    import torch
    from transformer_lens.utilities.activation_functions import SUPPORTED_ACTIVATIONS
    from transformers.activations import ACT2FN

    values = torch.linspace(-4, 4, 200)
    for name in ("gelu", "gelu_fast", "gelu_new", "gelu_pytorch_tanh", "relu", "silu"):
        assert activation_problem(name) is None
        assert (SUPPORTED_ACTIVATIONS[name](values) - ACT2FN[name](values)).abs().max() < 1e-6
    assert activation_problem("mish") is not None
