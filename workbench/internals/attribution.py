"""Direct logit attribution: what every part of a model adds to the logit of its answer (Elhage et al. 2021; nostalgebraist's
lens, taken apart).

The residual stream behind the last layer is the sum of what the embedding, every head, every feed-forward and the biases
wrote. The final normalisation divides it by one number for each position; with that number held as it was (frozen), the
logit of a token is linear in the parts, so each has its share, and the shares add up to the logit. That is measured on
every batch. Norms behind a sub-layer (Gemma 2, OLMo 2) are held in the same way.

What this leaves out: parts also change what later layers do, and the number that the normalisation divides by. Only the
direct way to the logit is counted. A softcap on the logits is not linear: the shares add up to the logit before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.internals.residual_streams import Passage
from workbench.internals.watching import wanted_rows, watch
from workbench.interventions.edits import HOOKS
from workbench.lenses.logit import final_normalisation
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.sweep.attention import NORMS_LAST

Contrast = Literal["none", "mean", "runner-up", "copied"]
"""What the answer's logit is compared with: nothing; the mean over the vocabulary (a logit's offset means nothing to the
softmax); the most probable other token; the token with which an answer begins that copies the source."""
_TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-9, torch.bfloat16: 0.5, torch.float16: 5e-2}


class AttributionError(RuntimeError):
    """The parts do not add up to the logit."""


@dataclass(frozen=True)
class Attribution:
    """Shares of a logit (or of the difference of two), in logits before any softcap, in float64."""

    embedding: Float[Tensor, " prompt"]
    """What enters the first layer."""
    heads: Float[Tensor, "prompt layer head"]
    """Through the output projection, with their part of the value bias."""
    attention_bias: Float[Tensor, "prompt layer"]
    """Bias of the output projection, and of a norm behind it."""
    feed_forward: Float[Tensor, "prompt layer"]
    """Everything that the sub-layer writes, its bias too."""
    feed_forward_bias: Float[Tensor, "prompt layer"]
    """The bias's part of that."""
    final_bias: Float[Tensor, " prompt"]
    """Biases of the final normalisation and of the unembedding."""
    logit: Float[Tensor, " prompt"]
    """What the parts add up to: the model's own."""
    scale: Float[Tensor, " prompt"]
    """What the final normalisation divides by."""

    @property
    def attention(self) -> Float[Tensor, "prompt layer"]:
        """All that attention writes."""
        return self.heads.sum(-1) + self.attention_bias


@torch.no_grad()
def attributions(model: Model, prompts: Sequence[Prompt], contrast: Contrast = "mean") -> Attribution:
    """Take the logit of each answer's first token apart, at the position from which it is read.

    Raises:
        UserError: a prompt has no reference.
        LensError: the final normalisation is not the model's own.
        AttributionError: the parts do not add up to the logit.
    """
    final_normalisation(model)
    passages = [Passage.of(prompt) for prompt in prompts]
    kept: dict[str, Tensor] = {}
    names = _watched(model)
    watchers = {name: lambda there, name=name: kept.update({name: wanted_rows(there, passages)}) for name in names}
    residual = wanted_rows(watch(model, [passage.token_ids for passage in passages], watchers), passages)
    direction, offset, logit = _direction(model, prompts, residual, contrast)
    pulled, final_bias, scale = _behind_final_norm(model, residual, direction)
    parts = [_layer(model, layer, kept, pulled) for layer in range(model.n_layers)]
    heads, attention_bias, feed_forward, feed_forward_bias = (
        torch.stack(each, dim=1) for each in zip(*parts, strict=True)
    )
    found = Attribution(
        embedding=_times(kept["blocks.0.hook_resid_pre"], pulled),
        heads=heads,
        attention_bias=attention_bias,
        feed_forward=feed_forward,
        feed_forward_bias=feed_forward_bias,
        final_bias=final_bias + offset,
        logit=logit,
        scale=scale,
    )
    _check(model, found)
    return found


def softcap_of(model: Model) -> float:
    """The softcap on the model's logits; 0 where there is none."""
    return max(0.0, float(model.hooked.cfg.output_logits_soft_cap))


def _watched(model: Model) -> list[str]:
    names = ["blocks.0.hook_resid_pre"]
    for layer in range(model.n_layers):
        names += [f"blocks.{layer}.{HOOKS['z']}", f"blocks.{layer}.{HOOKS['mlp_out']}"]
        names += [f"blocks.{layer}.{norm}.hook_scale" for norm in _norms_behind(model)]
    return names


def _norms_behind(model: Model) -> tuple[str, ...]:
    """The norms behind attention and behind feed-forward, where a model has such."""
    cfg = model.hooked.cfg
    if cfg.use_normalization_before_and_after:
        return "ln1_post", "ln2_post"
    return ("ln1", "ln2") if cfg.original_architecture in NORMS_LAST else ()


def _direction(
    model: Model, prompts: Sequence[Prompt], residual: Float[Tensor, "prompt d_model"], contrast: Contrast
) -> tuple[Float[Tensor, "prompt d_model"], Float[Tensor, " prompt"], Float[Tensor, " prompt"]]:
    """The unembedding's direction of each answer against the contrast, what its bias adds, and the logit itself."""
    hooked = model.hooked
    unembedding, bias = hooked.W_U, hooked.b_U
    logits = hooked.unembed(hooked.ln_final(residual.unsqueeze(0)))[0].double()
    answers = torch.tensor([prompt.reference_ids[0] for prompt in prompts], device=unembedding.device)
    direction, offset = unembedding[:, answers].T.double(), bias[answers].double()
    logit = logits.gather(-1, answers.to(logits.device).unsqueeze(-1)).squeeze(-1)
    if contrast == "mean":
        mean, of_bias = unembedding.mean(-1, dtype=torch.float64), bias.mean(dtype=torch.float64)
        return direction - mean, offset - of_bias, logit - logits.mean(-1)
    if contrast == "none":
        return direction, offset, logit
    others = _others(prompts, answers, logits, contrast)
    direction, offset = direction - unembedding[:, others].T.double(), offset - bias[others].double()
    return direction, offset, logit - logits.gather(-1, others.to(logits.device).unsqueeze(-1)).squeeze(-1)


def _others(
    prompts: Sequence[Prompt],
    answers: Int[Tensor, " prompt"],
    logits: Float[Tensor, "prompt vocabulary"],
    contrast: Contrast,
) -> Int[Tensor, " prompt"]:
    """The token that each answer is compared with."""
    if contrast == "copied":
        copied = [prompt.token_ids[prompt.positions("query.source")[0]] for prompt in prompts]
        return torch.tensor(copied, device=answers.device)
    rest = logits.scatter(-1, answers.to(logits.device).unsqueeze(-1), float("-inf"))
    return rest.argmax(-1).to(answers.device)


def _behind_final_norm(
    model: Model, residual: Float[Tensor, "prompt d_model"], direction: Float[Tensor, "prompt d_model"]
) -> tuple[Float[Tensor, "prompt d_model"], Float[Tensor, " prompt"], Float[Tensor, " prompt"]]:
    """The direction as the residual stream sees it, what the norm's bias adds, and the scale that is held."""
    scales: list[Tensor] = []
    with model.hooked.hooks(fwd_hooks=[("ln_final.hook_scale", lambda scale, hook: scales.append(scale))]):
        model.hooked.ln_final(residual.unsqueeze(0))
    scale = scales[0].reshape(-1, 1).double()
    pulled, added = _pulled_back(model.hooked.ln_final, scale, direction)
    return pulled, added, scale.squeeze(-1)


def _pulled_back(
    norm: Any, scale: Float[Tensor, "prompt 1"], direction: Float[Tensor, "prompt d_model"]
) -> tuple[Float[Tensor, "prompt d_model"], Float[Tensor, " prompt"]]:
    """A direction behind a norm as a direction before it, the scale held; and what the norm's bias adds along it.

    A LayerNorm takes off the mean of its input, which is the same as taking it off the direction.
    """
    direction = direction.to(norm.w.device)
    pulled = direction * norm.w.double() / scale.to(norm.w.device)
    if hasattr(norm, "b"):
        return pulled - pulled.mean(-1, keepdim=True), direction @ norm.b.double()
    return pulled, direction.new_zeros(len(direction))


def _layer(
    model: Model, layer: int, kept: dict[str, Tensor], pulled: Float[Tensor, "prompt d_model"]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Shares of a layer: of each head, of attention's bias, of the feed-forward, and of its bias in that."""
    block: Any = model.hooked.blocks[layer]
    z, written = (kept[f"blocks.{layer}.{HOOKS[site]}"] for site in ("z", "mlp_out"))
    of_attention = of_feed_forward = pulled.to(z.device)
    added = of_attention.new_zeros(len(pulled)), of_attention.new_zeros(len(pulled))
    norms = _norms_behind(model)
    if norms:
        scales = [kept[f"blocks.{layer}.{norm}.hook_scale"].reshape(-1, 1).double() for norm in norms]
        of_attention, added_to_attention = _pulled_back(getattr(block, norms[0]), scales[0], of_attention)
        of_feed_forward, added_to_rest = _pulled_back(getattr(block, norms[1]), scales[1], of_feed_forward)
        added = added_to_attention, added_to_rest
    heads = torch.einsum("phd,hdm,pm->ph", z.double(), block.attn.W_O.double(), of_attention)
    bias = of_attention @ block.attn.b_O.double() + added[0]
    return (
        heads.cpu(),
        bias.cpu(),
        # What the hook holds has been through the norm behind the feed-forward already.
        _times(written, pulled),
        (of_feed_forward @ block.mlp.b_out.double() + added[1]).cpu(),
    )


def _times(written: Float[Tensor, "prompt d_model"], pulled: Float[Tensor, "prompt d_model"]) -> Tensor:
    return (written.double() * pulled.to(written.device)).sum(-1).cpu()


def _check(model: Model, found: Attribution) -> None:
    total = found.embedding + found.attention.sum(1) + found.feed_forward.sum(1) + found.final_bias.cpu()
    worst = float((total - found.logit.cpu()).abs().max())
    if not worst <= _TOLERANCE[model.hooked.cfg.dtype] * max(1.0, float(found.logit.abs().max())):
        raise AttributionError(
            f"The parts of {model.name} add up to another logit than its own, by {worst:.3g}: something that writes "
            "to the residual stream is not counted. Run `workbench check` on the model."
        )
