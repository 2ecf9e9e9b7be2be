"""From residual streams to what they say, without ever holding a number for every position and every token.

The vocabulary is walked in chunks. Of every chunk's logits, running sums are kept relative to the largest logit so far
(the online softmax of Milakov and Gimelshein 2018): the normaliser, the entropy, the mass of groups of tokens, the
divergence from other distributions, the best tokens, and how many tokens lie above those asked for. What is held is at
most `budget` logits, whatever the number of positions and the size of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from workbench.models.model import Model

BUDGET = 2**22
"""Logits held at once."""
BLOCK = 64
"""Rows read together."""


@dataclass(frozen=True)
class Readings:
    """What each row says at each depth. Probabilities are over the whole vocabulary; logarithms in nats."""

    tokens: Int[Tensor, "row token"]
    """The tokens asked for."""
    rank: Int[Tensor, "depth row token"]
    """Of each token asked for: 1 for the most probable."""
    log_probability: Float[Tensor, "depth row token"]
    mass: Float[Tensor, "depth row group"]
    """Probability of each group of tokens together."""
    entropy: Float[Tensor, "depth row"]
    log_normaliser: Float[Tensor, "depth row"]
    """Logarithm of the sum of exponentiated logits."""
    divergence: Float[Tensor, "depth row other"]
    """KL(other || here) for each distribution compared with."""
    top_ids: Int[Tensor, "depth row best"]
    top_log_probabilities: Float[Tensor, "depth row best"]

    @classmethod
    def joined(cls, parts: Sequence[Readings]) -> Readings:
        """Readings of consecutive rows as one."""
        # The rows are the first axis of the tokens, the second of everything else.
        columns = {field.name: [getattr(part, field.name) for part in parts] for field in fields(cls)}
        return cls(**{name: torch.cat(each, dim=0 if name == "tokens" else 1) for name, each in columns.items()})


@torch.no_grad()
def read(
    model: Model,
    streams: Float[Tensor, "depth row d_model"],
    tokens: Int[Tensor, "row token"],
    *,
    groups: Bool[Tensor, "vocabulary group"] | None = None,
    others: Float[Tensor, "other row d_model"] | None = None,
    best: int = 5,
    budget: int = BUDGET,
) -> Readings:
    """Read streams through the model's final normalisation and unembedding.

    Args:
        model: the model.
        streams: residual streams, translated by the lens.
        tokens: tokens whose rank and probability are wanted, for each row its own.
        groups: sets of tokens whose probability is wanted.
        others: residual streams after the last layer, of the distributions that each row is compared with.
        best: how many of the most probable tokens are kept.
        budget: logits held at once.

    Ranks count the tokens with a greater logit, so tokens with equal logits share the best of their ranks.
    """
    # A model may be on several devices: what is read goes where it is unembedded.
    device, vocabulary = model.hooked.W_U.device, int(model.hooked.W_U.shape[1])
    streams, tokens = streams.to(device), tokens.to(device)
    groups = torch.zeros(vocabulary, 0, dtype=torch.bool) if groups is None else groups
    groups = groups.to(device)
    others = streams[:0] if others is None else others.to(device)
    parts = []
    for rows in torch.arange(streams.shape[1], device=device).split(BLOCK):
        width = max(best, budget // (len(rows) * (len(streams) + len(others))))
        block = _Block(model, streams[:, rows], tokens[rows], others[:, rows], best)
        for start, stop in chunks(vocabulary, width):
            block.add(start, stop, groups[start:stop])
        parts.append(block.readings())
    return Readings.joined(parts)


def chunks(vocabulary: int, width: int) -> Iterator[tuple[int, int]]:
    """Half-open spans of token ids that cover the vocabulary."""
    for start in range(0, vocabulary, width):
        yield start, min(start + width, vocabulary)


def normalised(model: Model, streams: Float[Tensor, "depth row d_model"]) -> Float[Tensor, "depth row d_model"]:
    """Streams after the model's own final normalisation."""
    return model.hooked.ln_final(streams)


def logits_of(
    model: Model, streams: Float[Tensor, "depth row d_model"], token_ids: slice | Int[Tensor, " chunk"]
) -> Float[Tensor, "depth row chunk"]:
    """Logits of some tokens, from normalised streams, softcapped where the model does that; at least in float32."""
    hooked = model.hooked
    logits = torch.nn.functional.linear(streams, hooked.W_U[:, token_ids].T.contiguous(), hooked.b_U[token_ids])
    softcap = hooked.cfg.output_logits_soft_cap
    if softcap > 0:
        logits = softcap * torch.tanh(logits / softcap)
    return logits if logits.dtype == torch.float64 else logits.float()


class _Softmax:
    """A softmax over a vocabulary that comes in chunks."""

    def __init__(self, shape: Sequence[int], like: Tensor) -> None:
        self.largest = like.new_full(tuple(shape), float("-inf"))
        self.total = like.new_zeros(tuple(shape))

    def weigh(self, logits: Float[Tensor, "*rows chunk"]) -> tuple[Tensor, Tensor]:
        """Weights of the chunk, and the factor that brings what was summed before to the same scale."""
        largest = torch.maximum(self.largest, logits.amax(-1))
        shrink = (self.largest - largest).exp()
        weights = (logits - largest.unsqueeze(-1)).exp()
        self.largest, self.total = largest, self.total * shrink + weights.sum(-1)
        return weights, shrink

    @property
    def log_normaliser(self) -> Float[Tensor, "*rows"]:
        """Logarithm of the sum of all exponentiated logits."""
        return self.largest + self.total.log()


class _Block:
    """The running sums of a few rows at all depths."""

    def __init__(self, model: Model, streams: Tensor, tokens: Tensor, others: Tensor, best: int) -> None:
        self.model, self.tokens, self.best = model, tokens, best
        self.streams, self.others = normalised(model, streams), normalised(model, others)
        asked, place = tokens.unique(return_inverse=True)
        # All tokens asked for by any row, by the same product as the chunks: a dot product would round otherwise.
        of_asked = logits_of(model, self.streams, asked)
        self.asked = of_asked.gather(-1, place.expand(len(streams), -1, -1))
        shape = streams.shape[:2]
        self.above = torch.zeros_like(self.asked, dtype=torch.long)
        self.here, self.there = _Softmax(shape, self.asked), _Softmax(others.shape[:2], self.asked)
        self.weighted_logit = self.asked.new_zeros(shape)
        self.mass: Tensor | None = None
        self.gap = self.asked.new_zeros(len(others), *shape)
        self.top_values = self.asked.new_zeros(*shape, 0)
        self.top_ids = self.above.new_zeros(*shape, 0)

    def add(self, start: int, stop: int, groups: Bool[Tensor, "chunk group"]) -> None:
        """Take a chunk of the vocabulary into the sums."""
        logits = logits_of(self.model, self.streams, slice(start, stop))
        weights, shrink = self.here.weigh(logits)
        self.weighted_logit = self.weighted_logit * shrink + (weights * logits).sum(-1)
        mass = weights @ groups.to(weights.dtype)
        self.mass = mass if self.mass is None else self.mass * shrink.unsqueeze(-1) + mass
        self._compare(logits, start, stop)
        self._keep_best(logits, start)
        self._count(logits, start)

    def _compare(self, logits: Float[Tensor, "depth row chunk"], start: int, stop: int) -> None:
        if len(self.others):
            other = logits_of(self.model, self.others, slice(start, stop))
            weights, shrink = self.there.weigh(other)
            for index in range(len(other)):
                gap = (weights[index] * (other[index] - logits)).sum(-1)
                self.gap[index] = self.gap[index] * shrink[index] + gap

    def _keep_best(self, logits: Float[Tensor, "depth row chunk"], start: int) -> None:
        found = logits.topk(min(self.best, logits.shape[-1]), dim=-1)
        values = torch.cat([self.top_values, found.values], dim=-1)
        ids = torch.cat([self.top_ids, found.indices + start], dim=-1)
        kept = values.topk(min(self.best, values.shape[-1]), dim=-1)
        self.top_values, self.top_ids = kept.values, ids.gather(-1, kept.indices)

    def _count(self, logits: Float[Tensor, "depth row chunk"], start: int) -> None:
        width = logits.shape[-1]
        for index in range(self.tokens.shape[1]):
            asked = self.asked[..., index]
            above = (logits > asked.unsqueeze(-1)).sum(-1)
            # A token is not above itself, however its two logits were rounded.
            place = self.tokens[:, index] - start
            itself = logits.gather(-1, place.clamp(0, width - 1).expand(len(logits), -1).unsqueeze(-1)).squeeze(-1)
            inside = (place >= 0) & (place < width)
            self.above[..., index] += above - ((itself > asked) & inside).long()

    def readings(self) -> Readings:
        """What the sums come to when the whole vocabulary has been seen."""
        normaliser, total = self.here.log_normaliser, self.here.total
        assert self.mass is not None
        there = self.there.log_normaliser.unsqueeze(1)
        divergence = self.gap / self.there.total.unsqueeze(1) - there + normaliser
        return Readings(
            tokens=self.tokens,
            rank=self.above + 1,
            log_probability=self.asked - normaliser.unsqueeze(-1),
            mass=self.mass / total.unsqueeze(-1),
            entropy=(normaliser - self.weighted_logit / total).clamp(min=0),
            log_normaliser=normaliser,
            divergence=divergence.clamp(min=0).movedim(0, -1),
            top_ids=self.top_ids,
            top_log_probabilities=self.top_values - normaliser.unsqueeze(-1),
        )
