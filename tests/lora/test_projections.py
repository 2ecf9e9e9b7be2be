from __future__ import annotations

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from workbench.errors import UserError
from workbench.lora.projections import modules_named, projections, stored_projections
from workbench.models.files import checkpoint_files
from workbench.models.quiet import quiet


def original(folder):
    with quiet():
        return AutoModelForCausalLM.from_pretrained(folder)


def test_the_output_projection_of_every_architecture(tiny_checkpoint, tiny_architectures):
    for architecture in tiny_architectures:
        model = original(tiny_checkpoint(architecture))
        names = modules_named(projections(model), ("output",), (0, 3), "tiny")
        assert len(names) == 2
        assert "0" in names[0].split(".")
        assert "3" in names[1].split(".")
        assert names[0].rpartition(".")[2] in ("o_proj", "out_proj", "c_proj", "dense")
        assert any("attention" in part or "attn" in part for part in names[0].split("."))


def test_names_inside_a_layer_are_targets_too(tiny_checkpoint):
    there = projections(original(tiny_checkpoint("llama")))
    assert modules_named(there, ("mlp.down_proj", "query"), (1,), "tiny") == [
        "model.layers.1.mlp.down_proj",
        "model.layers.1.self_attn.q_proj",
    ]
    assert all(set(by_layer) == set(range(4)) for by_layer in there.values())


def test_the_files_have_what_the_model_has(tiny_checkpoint, tiny_architectures):
    for architecture in tiny_architectures:
        folder = tiny_checkpoint(architecture)
        assert stored_projections(checkpoint_files(folder)) == projections(original(folder)), architecture


def test_names_in_files_may_lack_what_stands_before_the_layers(tiny_checkpoint, tmp_path):
    """GPT-2's own files: h.0.attn.c_attn.weight, without transformer; and masks, which are no weights."""
    folder = tmp_path / "bare"
    shutil.copytree(tiny_checkpoint("gpt2"), folder)
    weights = load_file(folder / "model.safetensors")
    bare = {name.removeprefix("transformer."): value for name, value in weights.items()}
    save_file({**bare, "h.0.attn.bias": torch.ones(8, 8)}, folder / "model.safetensors", metadata={"format": "pt"})
    there = projections(original(folder))
    stored = stored_projections(checkpoint_files(folder))
    assert {name: set(by_layer) for name, by_layer in stored.items()} == {
        name: set(by_layer) for name, by_layer in there.items()
    }
    assert stored["attn.c_proj"][2] == "h.2.attn.c_proj"


@pytest.mark.parametrize(
    ("target", "layer", "message"),
    [
        ("query", 0, r"tiny has no projection 'query'; its layers have .*c_attn.*name one of these with --targets"),
        ("o_proj", 0, "tiny has no projection 'o_proj'"),
        ("output", 4, "Layer 4 of tiny is out of range: it has layers 0 to 3"),
    ],
)
def test_projections_that_are_not_there(tiny_checkpoint, target, layer, message):
    with pytest.raises(UserError, match=message):
        modules_named(projections(original(tiny_checkpoint("gpt2"))), (target,), (layer,), "tiny")
