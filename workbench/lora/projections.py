"""Which matrices of a Hugging Face model or of its files an adapter can stand on, by what they do and by layer."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from workbench.errors import UserError
from workbench.models.files import CheckpointFiles
from workbench.models.weights import stored_shapes

WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "output": (
            "self_attn.o_proj",  # Llama, Gemma, Mistral, OLMo, Qwen, StarCoder2
            "self_attn.out_proj",  # OPT
            "attn.attention.out_proj",  # GPT-Neo
            "attn.c_proj",  # GPT-2
            "attention.dense",  # GPT-NeoX
            "self_attention.dense",  # BLOOM
        ),
        "query": ("self_attn.q_proj", "attn.attention.q_proj"),
        "key": ("self_attn.k_proj", "attn.attention.k_proj"),
        "value": ("self_attn.v_proj", "attn.attention.v_proj"),
    }
)
"""Projections of the attention, and what architectures call them. GPT-2, GPT-NeoX and BLOOM have query, key and value in one."""
_IN_LAYER = re.compile(r"^(?:.*\.)?(?:layers|h)\.(\d+)\.(.+)$")
_MATRIX = 2
"""Dimensions."""


def projections(model: PreTrainedModel) -> dict[str, dict[int, str]]:
    """Every matrix inside the layers: by its name inside a layer, its full name for each layer."""
    return _by_layer(name for name, module in model.named_modules() if isinstance(module, nn.Linear | Conv1D))


def stored_projections(files: CheckpointFiles) -> dict[str, dict[int, str]]:
    """The same of a checkpoint, from the names and shapes in its files: before a model is loaded.

    Full names are the files' own, which may lack what Hugging Face's classes put before them.

    Raises:
        UserError: a file is damaged.
    """
    matrices = (name for name, shape in stored_shapes(files).items() if len(shape) == _MATRIX)
    return _by_layer(name.removesuffix(".weight") for name in matrices if name.endswith(".weight"))


def _by_layer(names: Iterable[str]) -> dict[str, dict[int, str]]:
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for name in names:
        match = _IN_LAYER.match(name)
        if match:
            found[match[2]][int(match[1])] = name
    return dict(found)


def modules_named(
    there: Mapping[str, Mapping[int, str]], targets: Sequence[str], layers: Sequence[int], where: str
) -> list[str]:
    """Full names of the targets' modules in those layers.

    Args:
        there: what there is, from `projections` or `stored_projections`.
        targets: words of `WORDS`, or names inside a layer such as `mlp.down_proj`.
        layers: the layers.
        where: what the model is called, for the error.

    Raises:
        UserError: there is no such projection, or no such layer.
    """
    chosen = []
    for target in targets:
        names = [name for name in WORDS.get(target, (target,)) if name in there]
        if not names:
            raise UserError(
                f"{where} has no projection {target!r}; its layers have {', '.join(sorted(there))}: name one of these with "
                "--targets."
            )
        by_layer = there[names[0]]
        for layer in layers:
            if layer not in by_layer:
                raise UserError(f"Layer {layer} of {where} is out of range: it has layers 0 to {max(by_layer)}.")
            chosen.append(by_layer[layer])
    return chosen
