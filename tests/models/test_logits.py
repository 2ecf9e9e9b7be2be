"""Logits equal Hugging Face's, on every architecture, padded and unpadded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from workbench.models.architectures import ARCHITECTURES
from workbench.models.architectures.bloom import alibi_slopes
from workbench.models.load import load

TINY = (
    "llama",
    "llama-gqa",
    "gpt2",
    "gpt-neo",
    "gpt-neox",
    "bloom",
    "opt",
    "gemma-2",
    "olmo",
    "olmo-2",
    "qwen2",
    "qwen3",
    "mistral",
    "starcoder2",
)
LENGTHS = (40, 23, 1, 31)
LONGEST = max(LENGTHS)


def reference(folder: Path, dtype: torch.dtype) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=dtype).eval()


def rows(padding: str) -> tuple[Tensor, Tensor]:
    """Token ids and attention mask of four rows of different lengths."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(3, 300, (len(LENGTHS), LONGEST), generator=generator)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(LENGTHS):
        mask[row, LONGEST - length :] = 1 if padding == "left" else 0
        mask[row, :length] = 1 if padding == "right" else mask[row, :length]
    return (ids, torch.ones_like(ids)) if padding == "none" else (ids * mask, mask)


def largest_difference(folder: Path, dtype: torch.dtype, padding: str) -> float:
    """Largest difference of logits at real positions, both sides reading the same padded batch."""
    ids, mask = rows(padding)
    theirs = reference(folder, dtype)
    # BLOOM has no positions; the others, left to themselves, count the padding in (GPT-2, GPT-Neo).
    counted = theirs.config.model_type != "bloom"
    positions = {"position_ids": (mask.cumsum(-1) - 1).clamp(min=0)} if counted else {}
    with torch.no_grad():
        expected = theirs(ids, attention_mask=mask, **positions).logits
        actual = load(folder, dtype=dtype).hooked(ids, attention_mask=mask)
    return float((actual - expected)[mask.bool()].abs().max())


@pytest.mark.parametrize("padding", ["none", "left", "right"])
@pytest.mark.parametrize("architecture", TINY)
def test_logits_equal_hugging_face(tiny_checkpoint: Callable[..., Path], architecture: str, padding: str) -> None:
    assert largest_difference(tiny_checkpoint(architecture), torch.float32, padding) < 1e-5


@pytest.mark.parametrize("padding", ["none", "left", "right"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("architecture", TINY)
def test_padded_rows_equal_hugging_face_alone(
    tiny_checkpoint: Callable[..., Path], architecture: str, dtype: torch.dtype, padding: str
) -> None:
    # Row by row: in float64 and padded on the left, Hugging Face's own Llama gives NaN. Nor is it nearer than
    # 1e-6 there, because its norms and rotary tables go through float32.
    folder = tiny_checkpoint(architecture)
    ids, mask = rows(padding)
    theirs = reference(folder, dtype)
    with torch.no_grad():
        actual = load(folder, dtype=dtype).hooked(ids, attention_mask=mask)
        assert actual.dtype == dtype
        for row, seen in enumerate(mask.bool()):
            assert (actual[row][seen] - theirs(ids[row][seen][None]).logits[0]).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("gpt2", {"n_inner": 48}),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}),
        ("gpt2", {"scale_attn_weights": False}),
        ("gpt2", {"tie_word_embeddings": False}),
        ("gpt2", {"activation_function": "relu"}),
        ("gpt-neo", {"intermediate_size": 48}),
        ("gpt-neo", {"activation_function": "gelu"}),
        ("gpt-neo", {"attention_types": [[["local"], 4]], "window_size": 3}),
        ("llama", {"tie_word_embeddings": True}),
        ("llama", {"num_key_value_heads": 1}),
        ("llama", {"rope_parameters": {"rope_type": "default", "rope_theta": 50.0}}),
        ("llama", {"rms_norm_eps": 0.1}),
        ("llama", {"hidden_act": "gelu_pytorch_tanh"}),
        ("llama", {"attention_bias": True}),
        ("llama", {"head_dim": 16}),
        ("llama", {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}}),
        ("gpt-neox", {"use_parallel_residual": False}),
        ("gpt-neox", {"rotary_pct": 1.0}),
        ("gpt-neox", {"rotary_emb_base": 30}),
        ("gpt-neox", {"hidden_act": "gelu_new"}),
        ("bloom", {"hidden_size": 24, "n_head": 3}),
        ("bloom", {"hidden_size": 48, "n_head": 6}),
        ("bloom", {"hidden_size": 44, "n_head": 11}),
        ("opt", {"activation_function": "gelu"}),
        ("opt", {"ffn_dim": 48}),
        ("gemma-2", {"sliding_window": 4096}),
        ("gemma-2", {"attn_logit_softcapping": None}),
        ("gemma-2", {"final_logit_softcapping": None}),
        ("gemma-2", {"query_pre_attn_scalar": 200}),
        ("gemma-2", {"layer_types": ["full_attention", "sliding_attention"] * 2}),
        ("gemma-2", {"num_key_value_heads": 4}),
        ("gemma-2", {"attention_bias": True}),
        ("olmo", {"clip_qkv": None}),
        ("olmo", {"num_key_value_heads": 2}),
        ("olmo-2", {"num_key_value_heads": 2}),
        ("olmo-2", {"rms_norm_eps": 0.1}),
        ("qwen2", {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 2}),
        ("qwen2", {"num_key_value_heads": 4}),
        ("qwen3", {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 2}),
        ("qwen3", {"num_key_value_heads": 4}),
        ("qwen3", {"attention_bias": True}),
        ("mistral", {"sliding_window": None}),
        ("mistral", {"sliding_window": 4096}),
        ("mistral", {"head_dim": 16}),
        ("mistral", {"num_key_value_heads": 4}),
        ("starcoder2", {"use_bias": False}),
        ("starcoder2", {"sliding_window": None}),
        ("starcoder2", {"tie_word_embeddings": False}),
        ("starcoder2", {"num_key_value_heads": 4}),
    ],
)
def test_variants_of_a_config_are_right(
    tiny_checkpoint: Callable[..., Path], architecture: str, settings: dict[str, Any]
) -> None:
    varied = tiny_checkpoint(architecture, **settings)
    assert largest_difference(varied, torch.float32, "left") < 1e-5
    # The setting matters: were it ignored, the first assertion would hold by accident.
    ids, _ = rows("none")
    plain = load(tiny_checkpoint(architecture)).hooked(ids)
    assert (load(varied).hooked(ids) - plain).abs().max() > 1e-3


def test_rotary_scaling_of_llama_3_matters(tiny_checkpoint: Callable[..., Path]) -> None:
    scaled = load(tiny_checkpoint("llama-gqa"))
    assert scaled.hooked.cfg.use_NTK_by_parts_rope
    plain = load(tiny_checkpoint("llama", num_key_value_heads=2))
    ids, _ = rows("none")
    assert (scaled.hooked(ids) - plain.hooked(ids)).abs().max() > 1e-3


@pytest.mark.parametrize("architecture", ["mistral", "gemma-2", "qwen2", "starcoder2"])
def test_a_window_longer_than_the_text_is_none(tiny_checkpoint: Callable[..., Path], architecture: str) -> None:
    # Inside the window the two are the same model; just beyond it they part.
    sliding = {"use_sliding_window": True, "max_window_layers": 0} if architecture == "qwen2" else {}
    ids, _ = rows("none")
    kept = [
        load(tiny_checkpoint(architecture, sliding_window=window, **sliding)).hooked(ids)
        for window in (LONGEST + 100, LONGEST, LONGEST - 1)
    ]
    assert torch.equal(kept[0], kept[1])
    assert torch.equal(kept[1][:, :-1], kept[2][:, :-1])
    assert not torch.equal(kept[1][:, -1], kept[2][:, -1])


@pytest.mark.parametrize("n_heads", [1, 2, 3, 6, 8, 11, 16, 32, 71, 112])
def test_alibi_slopes_are_those_of_hugging_face(n_heads: int) -> None:
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    # At position 1 the bias is the slope.
    expected = build_alibi_tensor(torch.ones(1, 2, dtype=torch.long), n_heads, torch.float32)[:, 0, 1]
    assert torch.allclose(alibi_slopes(n_heads), expected, rtol=1e-6)


def test_alibi_does_not_depend_on_what_was_read_before(tiny_model: Callable[..., Any]) -> None:
    # TransformerLens keeps the table of the longest text so far, and takes its last rows.
    hooked = tiny_model("bloom").hooked
    ids, _ = rows("none")
    before = hooked(ids)
    hooked(torch.arange(3, 300)[None])
    assert torch.equal(hooked(ids), before)


def test_alibi_takes_no_room(tiny_model: Callable[..., Any]) -> None:
    hooked = tiny_model("bloom").hooked
    hooked(torch.arange(3, 300)[None])
    assert hooked.blocks[0].attn.alibi.untyped_storage().nbytes() <= 8
    assert not any(name.startswith("pos_embed") for name, _ in hooked.named_parameters())


def test_local_layers_look_back_only_their_window(tiny_model: Callable[..., Any]) -> None:
    model = tiny_model("gpt-neo", torch.float64, attention_types=[[["local"], 4]])
    ids, _ = rows("none")
    _, cache = model.hooked.run_with_cache(ids, names_filter="blocks.3.attn.hook_pattern")
    pattern = cache["blocks.3.attn.hook_pattern"]
    assert (pattern[:, :, -1, :-8] == 0).all()
    assert (pattern[:, :, -1, -8:] > 0).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("architecture", TINY)
def test_half_precision_is_as_near_to_float32_as_hugging_face(
    tiny_checkpoint: Callable[..., Path], architecture: str, dtype: torch.dtype
) -> None:
    folder = tiny_checkpoint(architecture)
    ids, _ = rows("none")
    with torch.no_grad():
        exact = reference(folder, torch.float32)(ids).logits
        theirs = (reference(folder, dtype)(ids).logits.float() - exact).abs().mean()
        ours = (load(folder, dtype=dtype).hooked(ids).float() - exact).abs().mean()
    assert 0 < ours < 2 * theirs


@pytest.mark.parametrize("architecture", TINY)
def test_key_value_cache_gives_the_same_logits(tiny_model: Callable[..., Any], architecture: str) -> None:
    from transformer_lens import TransformerLensKeyValueCache

    hooked = tiny_model(architecture, torch.float64).hooked
    ids, mask = rows("left")
    whole = hooked(ids, attention_mask=mask)
    cache = TransformerLensKeyValueCache.init_cache(hooked.cfg, "cpu", len(ids))
    parts = [
        hooked(ids[:, start:stop], attention_mask=mask[:, start:stop], past_kv_cache=cache)
        for start, stop in ((0, 25), (25, 39), (39, 40))
    ]
    assert (torch.cat(parts, dim=1) - whole)[mask.bool()].abs().max() < 1e-6


def test_every_architecture_has_a_tiny_checkpoint(tiny_checkpoint: Callable[..., Path]) -> None:
    made = {transformers.AutoConfig.from_pretrained(tiny_checkpoint(name)).architectures[0] for name in TINY}
    assert made == {architecture.class_name for architecture in ARCHITECTURES}


@pytest.mark.real_data
def test_stories_model_tells_its_known_story(real_data: Path) -> None:
    model = load(real_data / "stories260k")
    assert model.bos is not None
    ids = [model.bos]
    for _ in range(40):
        mask = torch.ones(1, len(ids), dtype=torch.long)
        ids.append(int(model.hooked(torch.tensor([ids]), attention_mask=mask)[0, -1].argmax()))
    assert model.decode(ids).startswith(
        "Once upon a time, there was a little girl named Lily. She loved to play outside in the park."
    )


@pytest.mark.real_data
@pytest.mark.parametrize("padding", ["none", "left", "right"])
def test_stories_model_equals_hugging_face(real_data: Path, padding: str) -> None:
    # Real weights give logits of 20 and more: float32 itself is 2e-6 of that.
    assert largest_difference(real_data / "stories260k", torch.float32, padding) < 5e-5
