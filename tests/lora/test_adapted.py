"""The merged model is peft's: exactly, where Hugging Face computes in float64 throughout."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from workbench.lora.adapted import adapter_state, merged_model, original_model, with_adapter
from workbench.models.load import load

IDS = torch.randint(3, 300, (3, 17), generator=torch.Generator().manual_seed(0))


def adapted_model(folder, training, *, targets=("output",), layers=(1,), dtype=torch.float64, zero=False):
    adapted = with_adapter(
        original_model(str(folder), dtype=dtype), targets, layers, training, name="Model tiny", seed=0
    ).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad and not zero:
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return adapted


def unlike(one, other) -> float:
    return float((one - other).abs().max())


# Norms, rotary tables or scores of the others go through float32 in Hugging Face's code: see tests/models/test_logits.py.
@pytest.mark.parametrize(
    ("architecture", "targets", "limit"),
    [
        *(("gpt2", targets, 1e-9) for targets in (("output",), ("attn.c_attn",))),
        ("opt", ("output",), 1e-9),
        *(("llama-gqa", targets, 1e-5) for targets in (("output",), ("query",), ("key", "value"), ("mlp.down_proj",))),
        *(("bloom", targets, 1e-5) for targets in (("output",), ("self_attention.query_key_value",))),
    ],
)
def test_merged_logits_are_those_of_the_model_with_its_adapter(
    tiny_checkpoint, tiny_training, architecture, targets, limit
):
    folder = tiny_checkpoint(architecture)
    base = load(folder, dtype=torch.float64)
    adapted = adapted_model(folder, tiny_training, targets=targets)
    with torch.no_grad():
        expected = adapted(input_ids=IDS).logits
        merged = merged_model(base, adapted)
        actual, before = merged.hooked(IDS), base.hooked(IDS)
    assert actual.dtype == torch.float64
    assert unlike(actual, expected) < limit
    assert unlike(before, expected) > 1e-2


@pytest.mark.parametrize("architecture", ["gpt2", "llama-gqa", "gpt-neo", "bloom"])
def test_the_factors_product_is_added_to_the_chosen_layer_and_nothing_else_changes(
    tiny_checkpoint, tiny_training, architecture
):
    folder = tiny_checkpoint(architecture)
    base = load(folder, dtype=torch.float64)
    adapted = adapted_model(folder, tiny_training, layers=(2,))
    state = adapter_state(adapted)
    down = next(value for name, value in state.items() if "lora_A" in name)
    up = next(value for name, value in state.items() if "lora_B" in name)
    added = tiny_training.alpha / tiny_training.rank * (up @ down)
    merged = merged_model(base, adapted)
    for (name, before), (_, after) in zip(
        base.hooked.named_parameters(), merged.hooked.named_parameters(), strict=True
    ):
        if name == "blocks.2.attn.W_O":
            assert unlike(after.flatten(0, 1) - before.flatten(0, 1), added.T) < 1e-12
        else:
            assert torch.equal(before, after), name


def test_an_untrained_adapter_changes_nothing(tiny_checkpoint, tiny_training):
    folder = tiny_checkpoint("gpt2")
    base = load(folder, dtype=torch.float64)
    merged = merged_model(base, adapted_model(folder, tiny_training, zero=True))
    assert torch.equal(merged.hooked(IDS), base.hooked(IDS))


def test_only_the_adapter_can_be_trained(tiny_checkpoint, tiny_training):
    adapted = adapted_model(tiny_checkpoint("llama"), tiny_training, layers=(0, 3))
    trained = [name for name, parameter in adapted.named_parameters() if parameter.requires_grad]
    assert len(trained) == 4
    assert all("lora_" in name and (".0." in name or ".3." in name) for name in trained)


def test_the_seed_makes_the_adapter_and_the_rest_of_the_stream_stays(tiny_checkpoint, tiny_training):
    folder = tiny_checkpoint("llama")
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again = (adapted_model(folder, tiny_training, zero=True) for _ in range(2))
    assert torch.equal(torch.rand(3), expected)
    for name, value in adapter_state(first).items():
        assert torch.equal(value, adapter_state(again)[name])


def test_another_adapter_is_another_model(tiny_checkpoint, tiny_training):
    folder = tiny_checkpoint("llama")
    base = load(folder)
    digests = {
        merged_model(base, adapted_model(folder, tiny_training, layers=(layer,), dtype=torch.float32)).digest
        for layer in (0, 1)
    }
    assert len(digests | {base.digest}) == 3


# peft asks transformers for a property by its old name.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_peft_reads_what_was_kept(tiny_checkpoint, tiny_training, tmp_path):
    folder = tiny_checkpoint("gpt2")
    adapted = adapted_model(folder, replace(tiny_training, rank=2))
    with torch.no_grad():
        expected = adapted(input_ids=IDS).logits
    adapted.save_pretrained(str(tmp_path), safe_serialization=True, save_embedding_layers=False)
    kept = load_file(tmp_path / "adapter_model.safetensors")
    assert {name: tuple(value.shape) for name, value in kept.items()} == {
        name: tuple(value.shape) for name, value in adapter_state(adapted).items()
    }
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["bias"]) == (2, 32, "none")
    assert config["base_model_name_or_path"] == str(folder)
    original = original_model(str(folder), dtype=torch.float64)
    with torch.no_grad():
        again = PeftModel.from_pretrained(original, str(tmp_path)).eval()(input_ids=IDS).logits
    assert unlike(again, expected) < 1e-9
