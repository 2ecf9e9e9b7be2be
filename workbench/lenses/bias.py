"""The bias of a lens: KL between the marginal distributions, over many positions, of the model's answers and the lens's.

Belrose et al. 2023, section 3.2: a lens that names some tokens too often, whatever the input, is biased. Positions of
one prompt are drawn together in the bootstrap; the vocabulary is walked in chunks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from workbench.lenses.readout import BLOCK, BUDGET, Readings, chunks, logits_of, normalised
from workbench.models.model import Model


@torch.no_grad()
def marginal_divergence(
    model: Model,
    streams: Float[Tensor, "depth row d_model"],
    readings: Readings,
    prompts: Sequence[int],
    weights: Float[np.ndarray, "draws prompts"],
    *,
    budget: int = BUDGET,
) -> Float[np.ndarray, "draws depth"]:
    """KL(marginal at the last depth || marginal at each depth), in nats, under each draw of prompts.

    Args:
        model: the model.
        streams: residual streams, translated by the lens.
        readings: what was read of them: their normalisers.
        prompts: the prompt of each row, from 0.
        weights: how often each draw holds each prompt.
        budget: logits held at once.
    """
    device = model.hooked.W_U.device
    depths, vocabulary = len(streams), int(model.hooked.W_U.shape[1])
    owner = torch.tensor(prompts, device=device)
    drawn = torch.from_numpy(weights).to(device)
    rows_of = torch.zeros(weights.shape[1], dtype=torch.float64, device=device)
    rows = drawn @ rows_of.index_add(0, owner, torch.ones(len(owner), dtype=torch.float64, device=device))
    divergence = torch.zeros(len(weights), depths, dtype=torch.float64, device=device)
    for start, stop in chunks(vocabulary, max(1, budget // (BLOCK * depths))):
        sums = torch.zeros(depths, weights.shape[1], stop - start, dtype=torch.float64, device=device)
        for block in torch.arange(streams.shape[1], device=device).split(BLOCK):
            logits = logits_of(model, normalised(model, streams.to(device)[:, block]), slice(start, stop))
            probability = (logits - readings.log_normaliser[:, block].unsqueeze(-1)).exp().double()
            sums.index_add_(1, owner[block], probability)
        final = drawn @ sums[-1] / rows.unsqueeze(1)
        for depth in range(depths):
            here = drawn @ sums[depth] / rows.unsqueeze(1)
            divergence[:, depth] += torch.special.xlogy(final, final / here).sum(1)
    return divergence.clamp(min=0).cpu().numpy()
