"""The architectures that load, one file each.

To add one: write its file with an `Architecture`, and list it in `ARCHITECTURES`. The tests in
`tests/models/test_logits.py` then want a tiny checkpoint of it.
"""

from __future__ import annotations

from typing import Any

from workbench.errors import UserError
from workbench.models.architectures.architecture import Architecture
from workbench.models.architectures.bloom import BLOOM
from workbench.models.architectures.gemma_2 import GEMMA_2
from workbench.models.architectures.gpt2 import GPT2
from workbench.models.architectures.gpt_neo import GPT_NEO
from workbench.models.architectures.gpt_neox import GPT_NEOX
from workbench.models.architectures.llama import LLAMA
from workbench.models.architectures.mistral import MISTRAL
from workbench.models.architectures.olmo import OLMO
from workbench.models.architectures.olmo_2 import OLMO_2
from workbench.models.architectures.opt import OPT
from workbench.models.architectures.qwen2 import QWEN2
from workbench.models.architectures.qwen3 import QWEN3
from workbench.models.architectures.starcoder2 import STARCODER2

ARCHITECTURES: tuple[Architecture, ...] = (
    LLAMA,
    GPT2,
    GPT_NEO,
    GPT_NEOX,
    BLOOM,
    OPT,
    GEMMA_2,
    OLMO,
    OLMO_2,
    QWEN2,
    QWEN3,
    MISTRAL,
    STARCODER2,
)


def find_architecture(config: dict[str, Any], where: str) -> Architecture:
    """The architecture that a checkpoint's `config.json` names.

    Raises:
        UserError: it names one that is not supported, or none.
    """
    named = (config.get("architectures") or [None])[0]
    model_type = config.get("model_type")
    for architecture in ARCHITECTURES:
        if named == architecture.class_name or (named is None and model_type == architecture.model_type):
            return architecture
    supported = ", ".join(f"{architecture.label} ({architecture.class_name})" for architecture in ARCHITECTURES)
    raise UserError(f"{where} is a {named or model_type or 'model of no named architecture'}; supported: {supported}.")
