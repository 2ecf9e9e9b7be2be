"""Models to measure on: `mini`, `mini` made deeper without changing what it computes, and random weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
import transformers

from workbench.errors import UserError
from workbench.models.source import locate

_LLAMA: dict[str, dict[str, int | bool]] = {
    "random-12": {
        **{"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "num_key_value_heads": 12},
        **{"intermediate_size": 2048, "head_dim": 64},
    },
    "llama-7b": {
        **{"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32},
        **{"intermediate_size": 11008, "head_dim": 128, "vocab_size": 32000, "max_position_embeddings": 2048},
        **{"tie_word_embeddings": False},
    },
}
_GPT_NEO: dict[str, dict[str, Any]] = {
    "gpt-neo-2.7b": {
        **{"hidden_size": 2560, "num_layers": 32, "num_heads": 20, "attention_types": [[["global", "local"], 16]]},
        **{"vocab_size": 50257, "max_position_embeddings": 2048, "window_size": 256},
    },
}
_LARGE = ("llama-7b", "gpt-neo-2.7b")
SHAPES = ("mini", "deep-N", *_LLAMA, *_GPT_NEO)


def make(shape: str, folder: Path, device: str = "cpu") -> Path:
    """A checkpoint folder of that shape, made below `folder` unless it is there; all use the tokenizer of `mini`.

    `deep-N` is `mini` with blocks between its own whose attention and feed-forward write nothing: the same function
    and a real recognition curve at the cost of N layers. `random-12` has the width and depth of GPT-2 small, `llama-7b`
    and `gpt-neo-2.7b` are the published sizes, all with random weights: every condition writes a text of its own.
    The published sizes are made in bfloat16 and on a GPU only. A folder with a checkpoint is taken as it is.

    Raises:
        UserError: there is no such shape, or it needs a GPU.
    """
    mini = locate("mini").folder
    if shape == "mini":
        return mini
    if (Path(shape) / "config.json").is_file():
        return Path(shape)
    deep = re.fullmatch(r"deep-(\d+)", shape)
    if not deep and shape not in SHAPES:
        raise UserError(f"Unknown shape {shape!r}: give one of {', '.join(SHAPES)}, or a checkpoint folder.")
    if shape in _LARGE:
        check_gpu(device, f"The shape {shape}")
    path = folder / shape
    if not (path / "tokenizer.json").exists():
        model = _deepened(mini, int(deep[1])) if deep else _random(shape, mini, device)
        model.save_pretrained(path)
        # The tokenizer comes last: a folder that has one is complete.
        transformers.AutoTokenizer.from_pretrained(mini).save_pretrained(path)
    return path


def check_gpu(device: str, what: str) -> None:
    """Refuse what is measured on a GPU only.

    Raises:
        UserError: the device is none, or this machine has none that PyTorch can use.
    """
    if not device.startswith("cuda"):
        raise UserError(f"{what} is measured on a GPU only. Got --device {device}; give --device cuda.")
    if not torch.cuda.is_available():
        raise UserError(f"{what} is measured on a GPU, and PyTorch {torch.__version__} finds none on this machine.")


def _deepened(mini: Path, layers: int) -> Any:
    original: Any = transformers.AutoModelForCausalLM.from_pretrained(mini, dtype=torch.float32)
    config = transformers.AutoConfig.from_pretrained(mini)
    each, rest = divmod(layers, config.num_hidden_layers)
    if rest or not each:
        raise UserError(f"deep-N needs a multiple of mini's {config.num_hidden_layers} layers. Got {layers}.")
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


def _random(shape: str, mini: Path, device: str) -> Any:
    config: Any
    if shape in _GPT_NEO:
        config = transformers.GPTNeoConfig(**_GPT_NEO[shape], bos_token_id=1, eos_token_id=2)
    else:
        config = transformers.AutoConfig.from_pretrained(mini)
        for name, value in _LLAMA[shape].items():
            setattr(config, name, value)
    torch.manual_seed(0)
    with torch.device(device):
        dtype = torch.bfloat16 if shape in _LARGE else torch.float32
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=dtype)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                # Large enough that what a layer reads changes what is written.
                parameter.normal_(std=1.0 if "embed" in name or "wte" in name else 1.5 / parameter.shape[1] ** 0.5)
    return model
