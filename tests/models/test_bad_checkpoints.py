"""Checkpoints that cannot be used: one clear sentence each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from workbench.errors import UserError
from workbench.models import registry
from workbench.models.load import load


@pytest.fixture
def copied(tiny_checkpoint: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """A copy of a tiny checkpoint, with changes to its config.json."""

    def make(architecture: str = "llama", **changes: Any) -> Path:
        folder = Path(shutil.copytree(tiny_checkpoint(architecture), tmp_path / "checkpoint"))
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
        return folder

    return make


def refusal(name: Any, **options: Any) -> str:
    """The message with which loading is refused: one line, told to a person."""
    with pytest.raises(UserError) as caught:
        load(name, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


@pytest.mark.parametrize(
    ("name", "near"),
    [("gpt3", "gpt2"), ("llama-2-7b-hf", "Llama-2-7b"), ("minni", "mini"), ("gptneo-125m", "gpt-neo-125M")],
)
def test_unknown_model_names_the_nearest(name: str, near: str) -> None:
    message = refusal(name)
    assert message.startswith(f"Unknown model {name!r} (did you mean")
    assert near in message


def test_unknown_model_like_no_other() -> None:
    message = refusal("zzzzzz")
    assert message.startswith("Unknown model 'zzzzzz': expected")


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "some/where/else", "~/nowhere-at-all"])
def test_missing_folder(name: str) -> None:
    assert refusal(name).startswith(f"There is no folder {name}: expected")


def test_a_file_instead_of_its_folder(copied: Callable[..., Path]) -> None:
    folder = copied()
    assert str(folder) in refusal(folder / "model.safetensors").rsplit("give the", maxsplit=1)[-1]


def test_missing_embedded_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry, "MINI", tmp_path / "mini")
    assert "workbench train mini" in refusal("mini")


def test_revision_of_a_folder(copied: Callable[..., Path]) -> None:
    assert "leave it out" in refusal(copied(), revision="step1000")


def test_empty_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path).startswith(f"{tmp_path} has no config.json")


def test_folder_without_weights(copied: Callable[..., Path]) -> None:
    folder = copied()
    (folder / "model.safetensors").unlink()
    assert refusal(folder) == (
        f"{folder} has no weights: expected model.safetensors, or shards with model.safetensors.index.json."
    )


def test_folder_with_pickles_only(copied: Callable[..., Path]) -> None:
    folder = copied()
    (folder / "model.safetensors").unlink()
    # Not a pickle at all: had it been opened, the message would be another.
    (folder / "pytorch_model.bin").write_bytes(b"never opened")
    message = refusal(folder)
    assert "only as pickles (pytorch_model.bin)" in message
    assert "safetensors are needed" in message
    assert f"`workbench convert {folder}`" in message


def test_folder_with_a_shard_missing(copied: Callable[..., Path]) -> None:
    folder = copied()
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    assert "lacks 1 of the 2 shards" in refusal(folder)
    assert "model-00002-of-00002.safetensors" in refusal(folder)


def test_index_that_names_no_shards(copied: Callable[..., Path]) -> None:
    folder = copied()
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text("{}")
    assert "names no shards" in refusal(folder)


@pytest.mark.parametrize("content", ["{", "[1]", "\x00"])
def test_damaged_config(copied: Callable[..., Path], content: str) -> None:
    folder = copied()
    (folder / "config.json").write_text(content)
    assert refusal(folder).startswith(f"{folder / 'config.json'} ")


@pytest.mark.parametrize("changes", [{"hidden_size": "wide"}, {"num_attention_heads": 5}])
def test_config_that_makes_no_model(copied: Callable[..., Path], changes: dict[str, Any]) -> None:
    assert "does not describe a Llama model" in refusal(copied(**changes))


@pytest.mark.parametrize("keep", [0, 5, 2000])
def test_weights_cut_short(copied: Callable[..., Path], keep: int) -> None:
    folder = copied()
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    assert "damaged or cut short" in refusal(folder)


def test_weights_whose_shapes_do_not_fit(copied: Callable[..., Path]) -> None:
    message = refusal(copied(intermediate_size=90))
    assert "mlp.down_proj.weight has shape (32, 88), the config makes it (32, 90)" in message


@pytest.mark.parametrize("layers", [3, 5])
def test_more_or_fewer_layers_than_the_config_says(copied: Callable[..., Path], layers: int) -> None:
    message = refusal(copied(num_hidden_layers=layers))
    assert ("lack" if layers == 5 else "no place for") in message
    assert "model.layers." in message


def test_weight_that_the_config_has_no_place_for(copied: Callable[..., Path]) -> None:
    # Hugging Face drops it with a notice; then the biases of attention would be missing without an error.
    folder = copied()
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.0.self_attn.q_proj.bias"] = torch.ones(32)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert "q_proj.bias" in refusal(folder)


def test_unsupported_architecture(copied: Callable[..., Path]) -> None:
    message = refusal(copied(architectures=["MambaForCausalLM"]))
    assert "MambaForCausalLM" in message
    for label in ("Llama", "GPT-2", "GPT-Neo"):
        assert label in message


@pytest.mark.parametrize(("named", "said"), [("mamba", "is a mamba"), (None, "is a model of no named architecture")])
def test_unknown_architecture_by_its_type(copied: Callable[..., Path], named: str | None, said: str) -> None:
    message = refusal(copied(architectures=None, model_type=named))
    assert f"{said}; supported: Llama (LlamaForCausalLM)" in message


def test_head_that_is_no_language_model(copied: Callable[..., Path]) -> None:
    assert "LlamaForSequenceClassification" in refusal(copied(architectures=["LlamaForSequenceClassification"]))


@pytest.mark.parametrize(
    ("architecture", "changes", "reason"),
    [
        ("llama", {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}}, "'dynamic'"),
        ("llama", {"rope_parameters": None, "rope_scaling": {"type": "dynamic", "factor": 2.0}}, "'dynamic'"),
        ("llama", {"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}}, "a part of every"),
        ("llama", {"mlp_bias": True}, "biases"),
        ("llama", {"hidden_act": "mish"}, "'mish'"),
        ("llama", {"quantization_config": {"quant_method": "fp8"}}, "quantised; give the checkpoint with unquantised"),
        ("gpt2", {"add_cross_attention": True}, "second model"),
        ("gpt2", {"activation_function": "mish"}, "'mish'"),
        ("gpt-neo", {"activation_function": "mish"}, "'mish'"),
        ("gpt-neox", {"attention_bias": False}, "no biases"),
        ("gpt-neox", {"hidden_act": "mish"}, "'mish'"),
        ("gpt-neox", {"rope_parameters": {"rope_type": "linear", "factor": 2.0}}, "'linear'"),
        ("bloom", {"apply_residual_connection_post_layernorm": True}, "after the norms"),
        ("opt", {"do_layer_norm_before": False}, "opt-350m"),
        ("opt", {"word_embed_proj_dim": 16}, "of 16 dimensions"),
        ("opt", {"_remove_final_layer_norm": True}, "no final norm"),
        ("opt", {"enable_bias": False}, "no biases"),
        ("opt", {"layer_norm_elementwise_affine": False}, "no parameters"),
        ("opt", {"activation_function": "mish"}, "'mish'"),
        ("gemma-2", {"use_bidirectional_attention": True}, "later tokens"),
        ("gemma-2", {"hidden_activation": "mish"}, "'mish'"),
        ("gemma-2", {"layer_types": ["chunked_attention"] * 4}, "chunked_attention"),
        ("olmo", {"hidden_act": "mish"}, "'mish'"),
        ("olmo", {"rope_parameters": {"rope_type": "linear", "factor": 2.0}}, "'linear'"),
        ("olmo-2", {"hidden_act": "mish"}, "'mish'"),
        ("olmo-2", {"rope_parameters": {"rope_type": "linear", "factor": 2.0}}, "'linear'"),
        ("qwen2", {"rope_parameters": {"rope_type": "linear", "factor": 2.0}}, "'linear'"),
        ("qwen2", {"head_dim": 16}, "16 dimensions"),
        ("qwen2", {"layer_types": ["chunked_attention"] * 4}, "chunked_attention"),
        ("qwen3", {"rope_parameters": {"rope_type": "linear", "factor": 2.0}}, "'linear'"),
        ("qwen3", {"layer_types": ["chunked_attention"] * 4}, "chunked_attention"),
        ("mistral", {"layer_types": ["full_attention"] * 4}, "several kinds"),
        ("mistral", {"hidden_act": "mish"}, "'mish'"),
        ("starcoder2", {"head_dim": 16}, "16 dimensions"),
        ("starcoder2", {"hidden_act": "mish"}, "'mish'"),
    ],
)
def test_variants_that_would_be_silently_wrong(
    copied: Callable[..., Path], architecture: str, changes: dict[str, Any], reason: str
) -> None:
    message = refusal(copied(architecture, **changes))
    assert "so that its numbers are right" in message
    assert reason in message


def test_missing_tokenizer(copied: Callable[..., Path]) -> None:
    folder = copied()
    (folder / "tokenizer.json").unlink()
    assert refusal(folder) == f"{folder} has no tokenizer: expected tokenizer.json beside the weights."


@pytest.mark.parametrize("name", ["tokenizer.model", "vocab.json"])
def test_slow_tokenizer_only(copied: Callable[..., Path], name: str) -> None:
    folder = copied()
    (folder / "tokenizer.json").rename(folder / name)
    message = refusal(folder)
    assert "slow form only" in message
    assert "expected tokenizer.json" in message


def test_damaged_tokenizer(copied: Callable[..., Path]) -> None:
    folder = copied()
    (folder / "tokenizer.json").write_text('{"model": 3}')
    assert refusal(folder).startswith(f"The tokenizer in {folder} cannot be read (")


def test_tokenizer_of_another_model(copied: Callable[..., Path], tiny_checkpoint: Callable[..., Path]) -> None:
    folder = copied("gpt2")
    shutil.copy(tiny_checkpoint("llama") / "tokenizer.json", folder / "tokenizer.json")
    assert "belongs to another model" in refusal(folder)


def test_tokenizer_that_puts_two_tokens_first(copied: Callable[..., Path]) -> None:
    folder = copied()
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    content["post_processor"]["single"].insert(0, {"SpecialToken": {"id": "<s>", "type_id": 0}})
    path.write_text(json.dumps(content))
    assert "puts 2 tokens before a text" in refusal(folder)
