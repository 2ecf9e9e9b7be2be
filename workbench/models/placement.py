"""One model on several devices: its blocks in order, each device a run of neighbours.

What is around the blocks (embedding, final norm, unembedding) is on the first device, so that tokens go in and logits
come out there. TransformerLens places blocks by free memory and runs them by their number, which need not agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformer_lens import HookedTransformer


def spread(hooked: HookedTransformer, devices: Sequence[torch.device]) -> None:
    """Place a model's blocks on devices, in order and as evenly as can be; the residual stream follows them."""
    for name, module in hooked.named_children():
        if name != "blocks":
            module.to(devices[0])
    for index, device in enumerate(places(len(hooked.blocks), devices)):
        block: Any = hooked.blocks[index]
        block.to(device)
        _bring_inputs(block, device)
    final: Any = hooked.ln_final
    _bring_inputs(final, devices[0])
    hooked.cfg.device = str(devices[0])
    # HookedTransformer itself brings the residual stream to where it thinks a block is. Where devices are neighbours in
    # number it thinks right, and the stream does not go by way of the first device every time.
    hooked.cfg.n_devices = len(devices) if _consecutive(devices) else 1


def _consecutive(devices: Sequence[torch.device]) -> bool:
    first = devices[0]
    expected = [(first.type, (first.index or 0) + place) for place in range(len(devices))]
    return first.type != "cpu" and expected == [(device.type, device.index or 0) for device in devices]


def places(n_layers: int, devices: Sequence[torch.device]) -> list[torch.device]:
    """The device of each block. Earlier ones get more where the blocks do not come out even.

    >>> [str(place) for place in places(5, [torch.device("cuda:0"), torch.device("cuda:1")])]
    ['cuda:0', 'cuda:0', 'cuda:0', 'cuda:1', 'cuda:1']
    """
    return [devices[index * len(devices) // n_layers] for index in range(n_layers)]


def bring(value: Any, device: torch.device) -> Any:
    """A tensor, or the keys and values of a cache, on a device; anything else as it is."""
    if isinstance(value, Tensor):
        return value.to(device)
    if hasattr(value, "past_keys"):
        value.past_keys, value.past_values = value.past_keys.to(device), value.past_values.to(device)
    return value


def _bring_inputs(module: nn.Module, device: torch.device) -> None:
    def before(_: nn.Module, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        return (
            tuple(bring(value, device) for value in arguments),
            {name: bring(value, device) for name, value in options.items()},
        )

    module.register_forward_pre_hook(before, with_kwargs=True)
