"""GPT-Neo: GPT-2 with unscaled attention scores, and layers that look back only a window of tokens."""

from __future__ import annotations

from typing import Any

from transformer_lens.pretrained.weight_conversions import convert_neo_weights
from transformers import PreTrainedConfig

from workbench.models.architectures.architecture import Architecture, activation_problem


def _settings(config: PreTrainedConfig) -> dict[str, Any]:
    return {
        "n_layers": config.num_layers,
        "d_model": config.hidden_size,
        "n_heads": config.num_heads,
        "d_head": config.hidden_size // config.num_heads,
        # TransformerLens always takes four times the width; the weight map does not mind.
        "d_mlp": config.intermediate_size or 4 * config.hidden_size,
        "d_vocab": config.vocab_size,
        "n_ctx": config.max_position_embeddings,
        "act_fn": config.activation_function,
        "normalization_type": "LN",
        "eps": config.layer_norm_epsilon,
        "use_attn_scale": False,
        "use_local_attn": True,
        "window_size": config.window_size,
        "attn_types": list(config.attention_layers),
    }


def _problem(config: PreTrainedConfig) -> str | None:
    kinds = set(config.attention_layers) - {"global", "local"}
    if kinds:
        return f"it has attention layers of the kind {', '.join(sorted(kinds))}"
    return activation_problem(config.activation_function)


GPT_NEO = Architecture(
    class_name="GPTNeoForCausalLM",
    model_type="gpt_neo",
    label="GPT-Neo",
    settings=_settings,
    problem=_problem,
    weights=convert_neo_weights,
    leftovers=r"\.attn\.attention\.(masked_)?bias$",
)
