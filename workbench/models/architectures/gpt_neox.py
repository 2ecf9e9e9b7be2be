"""GPT-NeoX, of which Pythia is made: attention and feed-forward side by side, rotary positions for a part of a head."""

from __future__ import annotations

from typing import Any

from transformer_lens.pretrained.weight_conversions import convert_neox_weights
from transformers import PreTrainedConfig

from workbench.models.architectures.architecture import Architecture, activation_problem
from workbench.models.architectures.parts import rope_type, rotary_settings


def _settings(config: PreTrainedConfig) -> dict[str, Any]:
    d_head = config.hidden_size // config.num_attention_heads
    return {
        "n_layers": config.num_hidden_layers,
        "d_model": config.hidden_size,
        "n_heads": config.num_attention_heads,
        "d_head": d_head,
        "d_mlp": config.intermediate_size,
        "d_vocab": config.vocab_size,
        "n_ctx": config.max_position_embeddings,
        "act_fn": config.hidden_act,
        "normalization_type": "LN",
        "eps": config.layer_norm_eps,
        "parallel_attn_mlp": config.use_parallel_residual,
        **rotary_settings(config, int(d_head * config.rope_parameters["partial_rotary_factor"])),
    }


def _problem(config: PreTrainedConfig) -> str | None:
    if rope_type(config) != "default":
        return f"its rotary positions are scaled the {rope_type(config)!r} way; no scaling is supported for it"
    if not config.attention_bias:
        return "its attention has no biases"
    return activation_problem(config.hidden_act)


GPT_NEOX = Architecture(
    class_name="GPTNeoXForCausalLM",
    model_type="gpt_neox",
    label="GPT-NeoX",
    settings=_settings,
    problem=_problem,
    weights=convert_neox_weights,
)
