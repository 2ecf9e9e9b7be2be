"""Models to measure on: `mini`, `mini` made deeper without changing what it computes, and random weights."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers

from workbench.errors import UserError
from workbench.models.source import locate

SHAPES = ("mini", "deep-16", "deep-32", "random-12")


def make(shape: str, folder: Path) -> Path:
    """A checkpoint folder of that shape.

    `deep-N` is `mini` with blocks between its own whose attention and feed-forward write nothing: the same function
    and a real recognition curve at the cost of N layers. `random-12` has the width and depth of GPT-2 small and random
    weights, so that every condition writes a text of its own.

    Raises:
        UserError: there is no such shape.
    """
    mini = locate("mini").folder
    if shape == "mini":
        return mini
    if shape not in SHAPES:
        raise UserError(f"Unknown shape {shape!r}; there are {', '.join(SHAPES)}.")
    path = folder / shape
    if not (path / "model.safetensors").exists():
        model = _random(mini) if shape.startswith("random") else _deepened(mini, int(shape.removeprefix("deep-")))
        model.save_pretrained(path)
        transformers.AutoTokenizer.from_pretrained(mini).save_pretrained(path)
    return path


def _deepened(mini: Path, layers: int) -> transformers.PreTrainedModel:
    original = transformers.AutoModelForCausalLM.from_pretrained(mini, dtype=torch.float32)
    config = transformers.AutoConfig.from_pretrained(mini)
    each = layers // config.num_hidden_layers
    config.num_hidden_layers = layers
    deep = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    deep.model.embed_tokens.load_state_dict(original.model.embed_tokens.state_dict())
    deep.model.norm.load_state_dict(original.model.norm.state_dict())
    with torch.no_grad():
        for index, layer in enumerate(deep.model.layers):
            # Each of mini's blocks is followed by the idle ones, which read like it and write nothing.
            layer.load_state_dict(original.model.layers[index // each].state_dict())
            if index % each:
                layer.self_attn.o_proj.weight.zero_()
                layer.mlp.down_proj.weight.zero_()
    return deep


def _random(mini: Path) -> transformers.PreTrainedModel:
    config = transformers.AutoConfig.from_pretrained(mini)
    config.hidden_size, config.num_hidden_layers, config.num_attention_heads = 768, 12, 12
    config.num_key_value_heads, config.intermediate_size, config.head_dim = 12, 2048, 64
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=1.0 if "embed" in name else 1.5 / parameter.shape[1] ** 0.5)
    return model
