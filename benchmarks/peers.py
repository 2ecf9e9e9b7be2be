"""The ways of running a sweep that the fast engine is compared with, all on the same weights and prompts.

*As published* follows the description of paper A's code: Hugging Face `generate` with eager attention and the mask
edited in every layer from one on, one layer at a time, two prompts at a time, always the longest completion. *Tuned* is
the same with larger batches and an end where every row has met its stop rule. *Strong* also computes the context's
keys and values once per set of examples and starts every prompt from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor

from workbench.interventions import Clean, ContextMask
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.sweep import engine, reference
from workbench.sweep.rows import prefix_length

Completed = dict[tuple[str, int], tuple[int, ...]]
"""Tokens by prompt and layer, up to and with the one that ends them."""


class HuggingFace:
    """The original model with eager attention, its mask edited from a layer on."""

    def __init__(self, folder: Path, model: Model) -> None:
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, attn_implementation="eager", dtype=torch.float32
        ).eval()
        self.eos = sorted(model.eos)
        self.decode = model.decode

    @contextmanager
    def masked(self, hidden: Tensor, from_layer: int) -> Iterator[None]:
        """Hide columns (row, position) from `from_layer` on while inside."""

        def edit(module: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
            mask = keywords["attention_mask"]
            columns = torch.zeros(mask.shape[0], mask.shape[-1], dtype=torch.bool)
            columns[:, : hidden.shape[1]] = hidden
            edited = mask.masked_fill(columns[:, None, None], torch.finfo(mask.dtype).min)
            return arguments, {**keywords, "attention_mask": edited}

        layers = self.model.model.layers[from_layer:]
        handles = [layer.self_attn.register_forward_pre_hook(edit, with_kwargs=True) for layer in layers]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def complete(
        self, prompts: Sequence[Prompt], from_layer: int, *, early_stop: bool, context: Any = None, longest: int = 50
    ) -> list[tuple[int, ...]]:
        """Greedy completions of one batch, with the context hidden from a layer on."""
        width = max(len(prompt.token_ids) for prompt in prompts)
        ids = torch.zeros(len(prompts), width, dtype=torch.long)
        real = torch.zeros_like(ids)
        hidden = torch.zeros(len(prompts), width, dtype=torch.bool)
        for row, prompt in enumerate(prompts):
            pad = 0 if context is not None else width - len(prompt.token_ids)
            ids[row, pad : pad + len(prompt.token_ids)] = torch.tensor(prompt.token_ids)
            real[row, pad : pad + len(prompt.token_ids)] = 1
            hidden[row, torch.tensor(prompt.positions("instructions", "examples")) + pad] = True
        stops = transformers.StoppingCriteriaList([_AllStopped(self.decode, prompts, width)] if early_stop else [])
        keywords = {} if context is None else {"past_key_values": context}
        with self.masked(hidden, from_layer):
            out = self.model.generate(
                ids, attention_mask=real, max_new_tokens=longest, do_sample=False, num_beams=1,
                eos_token_id=self.eos if early_stop else None, pad_token_id=0, stopping_criteria=stops, **keywords,
            )  # fmt: skip
        return [
            _ended(self.decode, self.eos, prompt, row[width:].tolist())
            for prompt, row in zip(prompts, out, strict=True)
        ]


class _AllStopped(transformers.StoppingCriteria):
    def __init__(self, decode: Callable[[Sequence[int]], str], prompts: Sequence[Prompt], width: int) -> None:
        self.decode, self.prompts, self.width = decode, prompts, width

    def __call__(self, input_ids: Tensor, scores: Tensor, **_: Any) -> Tensor:
        texts = [self.decode(row[self.width :].tolist()) for row in input_ids]
        done = [any(stop in text for stop in prompt.stop) for prompt, text in zip(self.prompts, texts, strict=True)]
        return torch.tensor(done)


def _ended(decode: Any, eos: Sequence[int], prompt: Prompt, tokens: list[int]) -> tuple[int, ...]:
    for end in range(1, min(len(tokens), prompt.max_new_tokens) + 1):
        if tokens[end - 1] in eos or any(stop in decode(tokens[:end]) for stop in prompt.stop):
            return tuple(tokens[:end])
    return tuple(tokens[: prompt.max_new_tokens])


def hugging_face(
    peer: HuggingFace, prompts: Sequence[Prompt], layers: int, batch_size: int, *, early_stop: bool, longest: int = 50
) -> Completed:
    """As published (batches of two, no early stop) or tuned."""
    found: Completed = {}
    for layer in range(layers):
        for start in range(0, len(prompts), batch_size):
            batch = prompts[start : start + batch_size]
            completed = peer.complete(batch, layer, early_stop=early_stop, longest=longest)
            found |= {(prompt.name, layer): tokens for prompt, tokens in zip(batch, completed, strict=True)}
    return found


@torch.inference_mode()
def strong(peer: HuggingFace, prompts: Sequence[Prompt], layers: int, batch_size: int, longest: int) -> Completed:
    """Tuned, with the context's keys and values computed once; prompts of equal length are batched together."""
    prefix = prefix_length(prompts)
    ids = torch.tensor([prompts[0].token_ids[:prefix]])
    computed = peer.model(ids, use_cache=True).past_key_values
    by_length: dict[int, list[Prompt]] = {}
    for prompt in prompts:
        by_length.setdefault(len(prompt.token_ids), []).append(prompt)
    batches = [same[i : i + batch_size] for same in by_length.values() for i in range(0, len(same), batch_size)]
    found: Completed = {}
    for layer in range(layers):
        for batch in batches:
            context = deepcopy(computed)
            context.batch_repeat_interleave(len(batch))
            completed = peer.complete(batch, layer, early_stop=True, context=context, longest=longest)
            found |= {(prompt.name, layer): tokens for prompt, tokens in zip(batch, completed, strict=True)}
    return found


def ours(model: Model, prompts: Sequence[Prompt], layers: int, *, fast: bool) -> tuple[Completed, int]:
    """The fast engine or the TransformerLens reference; also the layer-tokens that the engine counted."""
    conditions = [ContextMask.named("TTF", layer) for layer in range(layers)]
    counts = engine.Counts()
    if fast:
        outcomes = engine.sweep(model, prompts, conditions, batch_size=len(prompts), counts=counts)
    else:
        outcomes = reference.sweep(model, prompts, [*conditions, Clean()], batch_size=len(prompts))
    kept = {(o.prompt, o.condition): o.token_ids for o in outcomes if o.condition < layers}
    return kept, counts.layer_tokens
