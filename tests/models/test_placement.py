"""Blocks on several devices. There is one processor here: places are `cpu:0` and `cpu:1`, which torch tells apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformer_lens import HookedTransformerConfig
from transformer_lens.utilities.multi_gpu import get_device_for_block_index

from workbench.errors import UserError
from workbench.models import placement
from workbench.models.check import check
from workbench.models.load import load
from workbench.models.placement import places, spread
from workbench.sweep import reference

HERE, THERE = torch.device("cpu", 0), torch.device("cpu", 1)
CUDA = [torch.device("cuda", index) for index in range(4)]


@pytest.mark.parametrize(
    ("layers", "devices", "counts"),
    [(4, 2, [2, 2]), (5, 2, [3, 2]), (7, 3, [3, 2, 2]), (3, 1, [3]), (2, 4, [1, 0, 1, 0]), (62, 4, [16, 15, 16, 15])],
)
def test_blocks_are_placed_in_order(layers: int, devices: int, counts: list[int]) -> None:
    found = places(layers, CUDA[:devices])
    assert [found.count(device) for device in CUDA[:devices]] == counts
    assert found == sorted(found, key=lambda device: device.index)


@pytest.mark.parametrize(("layers", "first", "count"), [(4, 0, 2), (62, 0, 4), (5, 1, 3), (32, 2, 2)])
def test_the_library_places_neighbours_alike(layers: int, first: int, count: int) -> None:
    # Its forward pass brings the residual stream there.
    devices = [torch.device("cuda", first + index) for index in range(count)]
    cfg = HookedTransformerConfig(n_layers=layers, d_model=8, n_ctx=8, d_head=4, attn_only=True, d_vocab=5)
    cfg.device, cfg.n_devices = str(devices[0]), count
    assert [get_device_for_block_index(layer, cfg) for layer in range(layers)] == places(layers, devices)


@pytest.mark.parametrize(
    ("devices", "neighbours"),
    [(CUDA[:3], True), (CUDA[1:], True), ([CUDA[0], CUDA[2]], False), (CUDA[1::-1], False), ([HERE, THERE], False)],
)
def test_neighbours_are_known(devices: Sequence[torch.device], neighbours: bool) -> None:
    assert placement._consecutive(devices) is neighbours


def test_weights_are_where_their_block_is(tiny_model: Callable[..., Any]) -> None:
    hooked = tiny_model("gpt2").hooked
    spread(hooked, [torch.device("cpu"), torch.device("meta")])
    found = [{parameter.device.type for parameter in block.parameters()} for block in hooked.blocks]
    assert found == [{"cpu"}, {"cpu"}, {"meta"}, {"meta"}]
    around = [hooked.embed, hooked.pos_embed, hooked.ln_final, hooked.unembed]
    assert {parameter.device.type for module in around for parameter in module.parameters()} == {"cpu"}


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[int, ...], torch.device]]:
    """What is brought where: shape and place, in order."""
    calls: list[tuple[tuple[int, ...], torch.device]] = []
    original = placement.bring

    def bring(value: Any, device: torch.device) -> Any:
        if isinstance(value, Tensor):
            calls.append((tuple(value.shape), device))
        elif hasattr(value, "past_keys"):
            calls.append(("cache", device))  # type: ignore[arg-type]
        return original(value, device)

    monkeypatch.setattr(placement, "bring", bring)
    return calls


def test_the_residual_stream_follows_the_blocks(
    tiny_model: Callable[..., Any], brought: list[tuple[tuple[int, ...], torch.device]]
) -> None:
    model = tiny_model("llama-gqa")
    spread(model.hooked, [HERE, THERE])
    ids = torch.arange(3, 13)[None]
    model.hooked(ids, attention_mask=torch.ones_like(ids))
    residual = [place for shape, place in brought if shape == (1, 10, 32)]
    assert residual == [HERE, HERE, THERE, THERE, HERE]
    assert [place for shape, place in brought if shape == (1, 10)] == [HERE, HERE, THERE, THERE]


def test_the_cache_follows_the_blocks(
    tiny_model: Callable[..., Any], brought: list[tuple[tuple[int, ...], torch.device]]
) -> None:
    model = tiny_model("gpt-neo")
    spread(model.hooked, [HERE, THERE])
    ids = torch.arange(3, 13)[None]
    model.hooked(ids, attention_mask=torch.ones_like(ids), past_kv_cache=model.new_cache(1))
    assert [place for shape, place in brought if shape == "cache"] == [HERE, HERE, THERE, THERE]  # type: ignore[comparison-overlap]


def test_logits_from_a_residual_come_out_in_front(
    tiny_model: Callable[..., Any], brought: list[tuple[tuple[int, ...], torch.device]]
) -> None:
    model = tiny_model("llama")
    spread(model.hooked, [HERE, THERE])
    model.logits(torch.zeros(1, 3, 32))
    assert brought == [((1, 3, 32), HERE)]


@pytest.mark.parametrize("architecture", ["llama-gqa", "bloom", "gemma-2", "olmo-2"])
def test_several_devices_change_no_number(tiny_checkpoint: Callable[..., Path], architecture: str) -> None:
    folder = tiny_checkpoint(architecture)
    ids = torch.arange(3, 43).reshape(2, 20)
    model = load(folder, device="cpu:0,cpu:1")
    assert torch.equal(model.hooked(ids), load(folder).hooked(ids))
    assert all(result.passed for result in check(model, folder))


def test_the_reference_sweep_runs(tiny_checkpoint: Callable[..., Path], tiny_prompts: Callable[..., list[Any]]) -> None:
    from workbench.interventions import Clean, ContextMask

    folder = tiny_checkpoint("llama")
    one, two = load(folder), load(folder, device="cpu:0,cpu:1")
    conditions = [Clean(), ContextMask.named("TTF", 1)]
    prompts = tiny_prompts(one, count=1, max_new_tokens=2)
    assert reference.sweep(two, prompts, conditions) == reference.sweep(one, prompts, conditions)


def test_a_device_that_is_not_there(tiny_checkpoint: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match=r"^Device 'cuda:99' cannot be used here"):
        load(tiny_checkpoint("llama"), device="cpu,cuda:99")
