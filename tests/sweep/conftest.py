"""What the tests of both engines share: conditions of every kind that writes over activations."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def editing_conditions():
    """`editing_conditions(model, prompts)`: removals, ablations and patches, at every site and kind of position.

    With `by_prompt`, those whose payload differs between prompts too: nothing of their context is shared.
    """
    import torch

    from workbench.interventions import (
        ANSWERING,
        EVERYWHERE,
        AttentionRemoval,
        FeedForwardRemoval,
        HeadAblation,
        Patch,
        Payload,
    )
    from workbench.interventions.positions import selected_positions

    def make(model, prompts, *, by_prompt=False):
        cfg = model.hooked.cfg
        generator = torch.Generator().manual_seed(7)

        def payload(*shape, names=()):
            return Payload(torch.randn(shape, generator=generator, dtype=cfg.dtype), names)

        names = tuple(prompt.name for prompt in reversed(prompts))
        targets = len(selected_positions(prompts[0], ("examples.target",)))
        removals = [
            kind((layer,), positions)
            for kind in (AttentionRemoval, FeedForwardRemoval)
            for layer in (0, 2, 3)
            for positions in (EVERYWHERE, ANSWERING)
        ]
        ablations = [
            HeadAblation({(1, 0)}),
            HeadAblation({(1, 0), (1, 3), (3, 2)}, positions=ANSWERING),
            HeadAblation({(2, 1)}, positions=("completion",)),
            HeadAblation({(2, 1)}, positions=("examples.target",)),
            HeadAblation.of_key_value_heads({(1, 1)}, group_size=2),
            HeadAblation({(0, 3), (2, 0)}, "mean", payload=payload(2, cfg.d_head)),
            HeadAblation({(0, 3), (2, 0)}, "mean", ANSWERING, payload(2, cfg.d_head)),
            HeadAblation({(1, 2)}, "resample", ANSWERING, payload(len(names), 1, cfg.d_head, names=names)),
        ]
        if by_prompt:
            drawn = payload(len(names), 1, cfg.d_head, names=names)
            ablations.append(HeadAblation({(1, 2)}, "resample", payload=drawn))
        patches = [
            Patch("resid_pre", 2, ("answer",), payload(cfg.d_model)),
            Patch("resid_pre", 0, EVERYWHERE, payload(cfg.d_model), added=True),
            Patch("attn_out", 1, ("query.source",), payload(cfg.d_model)),
            Patch("mlp_out", 1, ("examples.target",), payload(targets, cfg.d_model)),
            Patch("mlp_out", 3, ("answer",), payload(len(names), 1, cfg.d_model, names=names)),
            Patch("z", 2, ("answer",), payload(cfg.n_heads, cfg.d_head)),
            Patch("z", 1, ANSWERING, payload(cfg.d_head), head=3, added=True),
        ]
        return [*removals, AttentionRemoval((1, 3)), *ablations, *patches]

    return make
