"""Induction scores of heads on random tokens (Bansal et al. 2023, section on induction heads; Olsson et al. 2022).

*Prefix matching*: on random tokens that are repeated, the attention from each token to those that followed its earlier
occurrences. *Copying*: on random tokens without a repetition, how much what a head writes raises the token that it
looks at most among all that it can see, read straight through the unembedding without the final normalisation (the
paper's pseudo-code; its code feeds embeddings alone). A head with both is one that continues patterns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.errors import UserError
from workbench.internals.watching import watch
from workbench.interventions.edits import HOOKS
from workbench.models.model import Model

_CUT = 0.04
"""Share of the vocabulary left out at either end of the ids: in a BPE vocabulary they stand about in the order of
frequency."""


@dataclass(frozen=True)
class RandomTexts:
    """Random tokens, behind BOS where the model wants one."""

    repeated: Int[Tensor, "text position"]
    """`length` different tokens, `repeats` times over."""
    unrepeated: Int[Tensor, "text position"]
    """As many tokens as those, all different."""
    length: int
    start: int
    """Position of the first of them: 1 behind BOS."""


def random_texts(model: Model, length: int, repeats: int, streams: Sequence[np.random.Generator]) -> RandomTexts:
    """A text of both kinds from each random stream.

    Raises:
        UserError: the model reads no text so long, or has not so many tokens.
    """
    start = 0 if model.bos is None else 1
    whole = length * repeats
    vocabulary = [token for token in range(len(model.tokenizer)) if token not in set(model.tokenizer.all_special_ids)]
    cut = int(_CUT * len(vocabulary))
    vocabulary = vocabulary[cut : len(vocabulary) - cut]
    if whole + start > model.window:
        raise UserError(
            f"{length} tokens {repeats} times are {whole}; {model.name} reads {model.window}: give shorter ones."
        )
    if whole > len(vocabulary):
        raise UserError(
            f"{whole} different tokens are wanted; {model.name} has {len(vocabulary)} to draw from: give fewer."
        )
    repeated, unrepeated = [], []
    for stream in streams:
        repeated.append(np.tile(stream.choice(vocabulary, size=length, replace=False), repeats))
        unrepeated.append(stream.choice(vocabulary, size=whole, replace=False))
    first = [] if model.bos is None else [model.bos]
    return RandomTexts(
        torch.tensor([[*first, *row.tolist()] for row in repeated]),
        torch.tensor([[*first, *row.tolist()] for row in unrepeated]),
        length,
        start,
    )


@torch.no_grad()
def prefix_matching(model: Model, texts: RandomTexts) -> Float[Tensor, "text layer head"]:
    """Attention to the tokens behind the earlier occurrences of each repeated token, summed over those, mean over it."""
    wanted = _behind_earlier(texts)
    counted = texts.repeated.shape[1] - texts.start - texts.length
    found: dict[int, Tensor] = {}

    def look(pattern: Float[Tensor, "text head query key"], layer: int) -> None:
        found[layer] = ((pattern.double() * wanted.to(pattern.device)).sum((-1, -2)) / counted).cpu()

    layers = range(model.n_layers)
    watchers = {f"blocks.{layer}.attn.hook_pattern": partial(look, layer=layer) for layer in layers}
    watch(model, texts.repeated.tolist(), watchers)
    return torch.stack([found[layer] for layer in layers], dim=1)


def even_attention(texts: RandomTexts) -> float:
    """The prefix matching of a head that looks at all positions alike: what a score is to be compared with."""
    wanted = _behind_earlier(texts)
    counted = texts.start + texts.length
    return float((wanted.sum(-1) / torch.arange(1, len(wanted) + 1))[counted:].mean())


@torch.no_grad()
def copying(model: Model, texts: RandomTexts) -> Float[Tensor, "text layer head"]:
    """Share of the token looked at most in what a head raises, of the tokens seen so far; mean over positions.

    At each position the probabilities of the tokens seen are taken less their mean, negative ones as zero. Where nothing
    is raised, the share is zero; the first position, which sees one token, does not count.
    """
    tokens = texts.unrepeated
    patterns: dict[int, Tensor] = {}
    found: dict[int, Tensor] = {}

    def write(layer: int, z: Float[Tensor, "text position head d_head"]) -> None:
        block = model.hooked.blocks[layer]
        looked_at = patterns.pop(layer).argmax(-1)
        shares = []
        for text in range(len(tokens)):
            seen = model.hooked.W_U[:, tokens[text].to(z.device)]
            logits = torch.einsum("qhd,hdm,mk->hqk", z[text], block.attn.W_O, seen)
            shares.append(_share(logits.double(), looked_at[text]))
        found[layer] = torch.stack(shares).cpu()

    layers = range(model.n_layers)
    looks = {f"blocks.{layer}.attn.hook_pattern": partial(patterns.__setitem__, layer) for layer in layers}
    writes = {f"blocks.{layer}.{HOOKS['z']}": partial(write, layer) for layer in layers}
    watch(model, tokens.tolist(), {**looks, **writes})
    return torch.stack([found[layer] for layer in layers], dim=1)


def _behind_earlier(texts: RandomTexts) -> Float[Tensor, "query key"]:
    """1 where a key stands right behind an earlier occurrence of the query's token."""
    positions = torch.arange(texts.repeated.shape[1])
    distance = positions.unsqueeze(1) - positions
    repeated = (positions >= texts.start + texts.length).unsqueeze(1)
    # The first of the tokens stands behind no other of them.
    follows = positions > texts.start
    return (repeated & follows & (distance >= 0) & ((distance + 1) % texts.length == 0)).double()


def _share(logits: Float[Tensor, "head query key"], looked_at: Int[Tensor, "head query"]) -> Float[Tensor, " head"]:
    """The share of the key looked at most, mean over queries; logits of the tokens at the keys."""
    width = logits.shape[-1]
    seen = torch.ones(width, width, dtype=torch.bool, device=logits.device).tril()
    # The softmax's normaliser over the vocabulary is the same for all keys of a query, and so falls out of the share.
    weights = logits.masked_fill(~seen, float("-inf")).softmax(-1)
    mean = weights.sum(-1, keepdim=True) / seen.sum(-1, keepdim=True)
    raised = ((weights - mean) * seen).clamp(min=0)
    chosen = raised.gather(-1, looked_at.unsqueeze(-1)).squeeze(-1)
    total = raised.sum(-1)
    share = torch.where(total > 0, chosen / total.where(total > 0, torch.ones_like(total)), torch.zeros_like(total))
    return share[:, 1:].mean(-1)
