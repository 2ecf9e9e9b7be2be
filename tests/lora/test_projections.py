from __future__ import annotations

import pytest
from transformers import AutoModelForCausalLM

from workbench.errors import UserError
from workbench.lora.projections import modules_named, projections
from workbench.models.quiet import quiet


def original(folder):
    with quiet():
        return AutoModelForCausalLM.from_pretrained(folder)


def test_the_output_projection_of_every_architecture(tiny_checkpoint, tiny_architectures):
    for architecture in tiny_architectures:
        model = original(tiny_checkpoint(architecture))
        names = modules_named(model, ("output",), (0, 3), "tiny")
        assert len(names) == 2
        assert "0" in names[0].split(".")
        assert "3" in names[1].split(".")
        assert names[0].rpartition(".")[2] in ("o_proj", "out_proj", "c_proj", "dense")
        assert any("attention" in part or "attn" in part for part in names[0].split("."))


def test_names_inside_a_layer_are_targets_too(tiny_checkpoint):
    model = original(tiny_checkpoint("llama"))
    assert modules_named(model, ("mlp.down_proj", "query"), (1,), "tiny") == [
        "model.layers.1.mlp.down_proj",
        "model.layers.1.self_attn.q_proj",
    ]
    assert all(set(by_layer) == set(range(4)) for by_layer in projections(model).values())


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
        modules_named(original(tiny_checkpoint("gpt2")), (target,), (layer,), "tiny")
