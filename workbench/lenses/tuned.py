"""The tuned lens (Belrose et al. 2023, "Eliciting latent predictions from transformers with the tuned lens", section 3).

One affine translator per depth, h + W h + b, before the logit lens; none at the last depth. A lens is a folder with
`lens.safetensors` (weights [depth, d_model, d_model] and biases [depth, d_model], float32) and `lens.json` (the model
it belongs to, how it was trained).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from workbench.errors import UserError
from workbench.models.model import Model

WEIGHTS, CONFIG = "lens.safetensors", "lens.json"


@dataclass(frozen=True, eq=False)
class TunedLens:
    """Affine translators of a model's residual stream, one for each depth but the last."""

    weight: Float[Tensor, "depth d_model d_model"]
    """Added to the identity; used as h @ weight.T."""
    bias: Float[Tensor, "depth d_model"]
    model: str
    """Name of the model."""
    digest: str
    """Of the model's weights, config and tokenizer."""
    trained: Mapping[str, Any] = field(default_factory=dict)
    """How the lens was trained."""

    name = "tuned lens"

    @classmethod
    def untrained(cls, model: Model) -> TunedLens:
        """The lens that training starts from: zero weights and biases, which is the logit lens."""
        depths, width = model.n_layers, int(model.hooked.cfg.d_model)
        return cls(torch.zeros(depths, width, width), torch.zeros(depths, width), model.name, model.digest)

    def translated(self, streams: Float[Tensor, "depth row d_model"]) -> Float[Tensor, "depth row d_model"]:
        """The streams as the final normalisation is to read them; the last depth stays as it is."""
        weight, bias = (part.to(streams.device, streams.dtype) for part in (self.weight, self.bias))
        earlier = streams[:-1]
        moved = earlier + torch.einsum("lij,lrj->lri", weight, earlier) + bias.unsqueeze(1)
        return torch.cat([moved, streams[-1:]])

    def save(self, folder: Path) -> None:
        """Write the lens into a folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        config = {"model": self.model, "digest": self.digest, "depths": len(self.bias), "trained": dict(self.trained)}
        save_file({"weight": self.weight.contiguous(), "bias": self.bias.contiguous()}, folder / WEIGHTS)
        # The config is written last: where it is, the lens is whole.
        (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path, model: Model) -> TunedLens:
        """The lens in a folder.

        Raises:
            UserError: there is none, it is damaged, or it belongs to another model.
        """
        config = lens_config(folder)
        if config["digest"] != model.digest:
            raise UserError(
                f"The lens in {folder} was trained on {config['model']} with other weights than the {model.name} loaded "
                "here: give the lens of this model, or train one in another folder."
            )
        try:
            parts = load_file(folder / WEIGHTS)
            return cls(parts["weight"], parts["bias"], config["model"], config["digest"], config["trained"])
        except (OSError, SafetensorError, KeyError) as error:
            raise UserError(
                f"{folder / WEIGHTS} cannot be read ({error}): delete the folder and train again."
            ) from error


def lens_config(folder: Path) -> dict[str, Any]:
    """What is written down beside a lens.

    Raises:
        UserError: the folder holds no lens.
    """
    try:
        config = json.loads((folder / CONFIG).read_text())
        if {"model", "digest", "trained"} <= set(config):
            return dict(config)
        reason = f"{CONFIG} lacks the model"
    except (OSError, ValueError) as error:
        reason = str(error)
    raise UserError(
        f"{folder} holds no trained lens ({reason}): `workbench run tuned-lens --lens {folder}` trains one there."
    )
