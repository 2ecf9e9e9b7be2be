"""OLMo 2: norms after both sublayers instead of before them, and over all heads' queries and keys together."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformer_lens import HookedTransformerConfig
from transformers import PreTrainedConfig, PreTrainedModel

from workbench.models.architectures.architecture import Architecture, activation_problem
from workbench.models.architectures.parts import decoder_settings, decoder_weights, rotary_problem


def _settings(config: PreTrainedConfig) -> dict[str, Any]:
    return {
        **decoder_settings(config, config.hidden_size // config.num_attention_heads),
        "act_fn": config.hidden_act,
        "gated_mlp": True,
        "normalization_type": "RMS",
        "final_rms": True,
        "eps": config.rms_norm_eps,
    }


def _problem(config: PreTrainedConfig) -> str | None:
    return rotary_problem(config) or activation_problem(config.hidden_act)


def _weights(model: PreTrainedModel, cfg: HookedTransformerConfig) -> dict[str, Tensor]:
    # HookedTransformer puts ln1 and ln2 behind the sublayers because of the architecture's name in its config.
    return decoder_weights(model, cfg, {"ln1": "post_attention_layernorm", "ln2": "post_feedforward_layernorm"})


OLMO_2 = Architecture(
    class_name="Olmo2ForCausalLM",
    model_type="olmo2",
    label="OLMo 2",
    settings=_settings,
    problem=_problem,
    weights=_weights,
)
