"""What it takes to load an architecture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from transformer_lens import HookedTransformer, HookedTransformerConfig
from transformers import PreTrainedConfig, PreTrainedModel


@dataclass(frozen=True)
class Architecture:
    """How a Hugging Face model of one architecture becomes a HookedTransformer.

    The config is ours, the weight map TransformerLens's or ours. Its own reading of configs goes by the model's
    name: a path that contains "llama" or "gemma" gets the dimensions of a published model, windows are cut to
    2048, and GPT-2 configs of today lack a field it needs.
    """

    class_name: str
    """The class in transformers, and the name in `architectures` of config.json."""
    model_type: str
    """`model_type` in config.json, where `architectures` is missing."""
    label: str
    """How people write it."""
    settings: Callable[[PreTrainedConfig], dict[str, Any]]
    """Fields of HookedTransformerConfig that follow from the Hugging Face config."""
    problem: Callable[[PreTrainedConfig], str | None]
    """Why a config of this architecture would come out silently wrong; None if it would not."""
    weights: Callable[[PreTrainedModel, HookedTransformerConfig], dict[str, Tensor]]
    """The HookedTransformer's parameters by name, as views of the Hugging Face model's."""
    prepare: Callable[[HookedTransformer], None] | None = None
    """What HookedTransformer gets wrong of this architecture, mended before it is given the weights."""
    leftovers: str | None = None
    """Regular expression of tensors that published checkpoints hold beside the weights, and that Hugging Face does not
    already know to leave aside: causal masks of earlier versions."""


def activation_problem(name: str) -> str | None:
    """Why an activation function cannot be used: HookedTransformer has another set of them."""
    # transformers calls the exact form "gelu" too; "gelu_new", "gelu_fast" and "gelu_pytorch_tanh" are one
    # function.
    known = ("gelu", "gelu_fast", "gelu_new", "gelu_pytorch_tanh", "relu", "silu")
    return None if name in known else f"its activation function is {name!r}, not one of {', '.join(known)}"
