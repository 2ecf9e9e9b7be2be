"""Tokenisation: BOS, offsets, decoding."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.models.load import load

TEXTS = [
    "the small cats do not see the red house .",
    "Q: where?\nA: here \n\nQ:  two  spaces",
    "été, naïve, Straße",
    "猫在桌子上睡觉。 狗在房子里。",
    "बिल्ली मेज पर सो रही है।",
    "القطة نائمة على الطاولة.",
    "a 😀 and 👩‍👩‍👧 together",
    " leading and trailing ",
    "mixed 猫 and बिल्ली\tand قطة",
]
KINDS = ["byte-level", "sentencepiece"]


@pytest.fixture(scope="module")
def models(tiny_model: Callable[..., Any]) -> dict[str, Any]:
    return {kind: tiny_model("llama", tokenizer=kind) for kind in KINDS}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", KINDS)
def test_offsets_cover_the_text(models: dict[str, Any], kind: str, text: str) -> None:
    ids, offsets = models[kind].encode(text)
    assert len(ids) == len(offsets)
    own = offsets[1:] if models[kind].bos is not None else offsets
    assert {position for start, end in own for position in range(start, end)} == set(range(len(text)))
    assert [start for start, _ in own] == sorted(start for start, _ in own)
    assert all(end > start for start, end in own)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_span_holds_its_tokens_text(models: dict[str, Any], kind: str, text: str) -> None:
    model = models[kind]
    compared = 0
    for token, (start, end) in zip(*model.encode(text), strict=True):
        piece = model.decode([token])
        if end > start and "�" not in piece and piece.strip():
            # The space in front of a word is written into the token or, at the very beginning, added to it.
            assert piece.strip() == text[start:end].strip()
            compared += 1
    if text.isascii():
        assert compared > 3


@pytest.mark.parametrize("kind", KINDS)
def test_spaces_belong_to_a_token(models: dict[str, Any], kind: str) -> None:
    # The tiny byte-level tokenizer trims its offsets, as Llama 3's does; encode must not.
    text = "see the red"
    _, offsets = models[kind].encode(text)
    assert any(text[start:end].startswith(" ") for start, end in offsets)


@pytest.mark.parametrize("text", [text for text in TEXTS if not text.startswith(" ")])
@pytest.mark.parametrize("kind", KINDS)
def test_decode_returns_the_text(models: dict[str, Any], kind: str, text: str) -> None:
    ids, _ = models[kind].encode(text)
    assert models[kind].decode(ids) == text


@given(text=st.text(max_size=40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("kind", KINDS)
def test_any_text_tokenizes(models: dict[str, Any], kind: str, text: str) -> None:
    ids, offsets = models[kind].encode(text)
    assert len(ids) == len(offsets)
    assert all(0 <= start <= end <= len(text) for start, end in offsets)
    assert all(token < models[kind].hooked.cfg.d_vocab for token in ids)


def test_bos_is_recorded_and_comes_first(models: dict[str, Any]) -> None:
    model = models["sentencepiece"]
    assert model.bos == model.tokenizer.bos_token_id == 1
    ids, offsets = model.encode("the cats")
    assert ids[0] == 1
    assert offsets[0] == (0, 0)
    assert ids == model.tokenizer("the cats").input_ids


def test_bos_is_not_doubled(models: dict[str, Any]) -> None:
    ids, offsets = models["sentencepiece"].encode("<s>the cats")
    assert ids.count(1) == 1
    assert offsets[0] == (0, 3)


def test_no_bos_where_the_tokenizer_puts_none(models: dict[str, Any]) -> None:
    # It names one, as GPT-2's does, and never uses it.
    model = models["byte-level"]
    assert model.tokenizer.bos_token == "<|endoftext|>"
    assert model.bos is None
    assert model.encode("the cats")[0] == model.tokenizer("the cats").input_ids


def test_empty_text(models: dict[str, Any]) -> None:
    assert models["sentencepiece"].encode("") == ([1], [(0, 0)])
    assert models["byte-level"].encode("") == ([], [])


def test_trailing_specials_are_left_out(tiny_checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint("llama"), tmp_path / "checkpoint"))
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    content["post_processor"]["single"].append({"SpecialToken": {"id": "</s>", "type_id": 0}})
    end = {"id": "</s>", "ids": [2], "tokens": ["</s>"]}
    content["post_processor"]["special_tokens"]["</s>"] = end
    path.write_text(json.dumps(content))
    model = load(folder)
    assert model.tokenizer("the cats").input_ids[-1] == 2
    ids, _ = model.encode("the cats")
    assert ids[0] == model.bos == 1
    assert 2 not in ids


def test_baked_in_truncation_and_padding_are_ignored(tiny_checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint("gpt2"), tmp_path / "checkpoint"))
    plain = load(folder).encode(TEXTS[0])
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    content["truncation"] = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    content["padding"] = {"strategy": {"Fixed": 99}, "direction": "Right", "pad_to_multiple_of": None}
    content["padding"] |= {"pad_id": 0, "pad_type_id": 0, "pad_token": "<|endoftext|>"}
    path.write_text(json.dumps(content))
    assert load(folder).encode(TEXTS[0]) == plain


@pytest.mark.parametrize("add_bos", [False, True])
def test_vocab_and_merges_without_tokenizer_json(
    tiny_checkpoint: Callable[..., Path], tmp_path: Path, add_bos: bool
) -> None:
    # GPT-Neo 1.3B's and OPT's repositories hold these two files only; OPT's asks for BOS.
    folder = Path(shutil.copytree(tiny_checkpoint("gpt2"), tmp_path / "checkpoint"))
    ids, offsets = load(folder).encode(TEXTS[0])
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in model["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]))
    settings = {"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "add_bos_token": add_bos}
    settings |= {"tokenizer_class": "GPT2Tokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    expected = ([0, *ids], [(0, 0), *offsets]) if add_bos else (ids, offsets)
    assert load(folder).encode(TEXTS[0]) == expected


def test_ends_of_text_are_read_from_every_file(tiny_checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint("llama"), tmp_path / "checkpoint"))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [7, 9]}))
    assert load(folder).eos == {2, 7, 9}
    # A config that names none gives none: the classes' own defaults may be ordinary tokens here.
    gpt2 = Path(shutil.copytree(tiny_checkpoint("gpt2"), tmp_path / "gpt2"))
    for name in ("generation_config.json", "config.json", "tokenizer_config.json"):
        content = json.loads((gpt2 / name).read_text())
        content.pop("eos_token_id", None)
        content.pop("eos_token", None)
        (gpt2 / name).write_text(json.dumps(content))
    assert load(gpt2).eos == frozenset()


@pytest.mark.real_data
@pytest.mark.parametrize("text", TEXTS)
def test_offsets_of_a_real_sentencepiece_tokenizer(real_data: Path, text: str) -> None:
    model = load(real_data / "stories260k")
    ids, offsets = model.encode(text)
    assert ids[0] == model.bos == 1
    assert ids == model.tokenizer(text).input_ids
    assert {position for start, end in offsets for position in range(start, end)} == set(range(len(text)))
