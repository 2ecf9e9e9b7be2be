"""The sweep as paper A's code is described, and the same tuned: Hugging Face `generate`, one layer at a time.

*As published*: eager attention, the mask edited in every layer from one on, two prompts at a time, always the longest
completion. *Tuned*: larger batches, and an end once every prompt of a batch has met its stop rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import transformers
from torch import Tensor

from benchmarks.counting import Completed
from benchmarks.settings import Subject
from workbench.prompts import Prompt

PUBLISHED_BATCH = 2
PUBLISHED_TOKENS = 50


class HuggingFace:
    """The original model with eager attention, its mask edited from a layer on. Llama shapes only."""

    def __init__(self, subject: Subject, device: str = "cpu") -> None:
        model: Any = transformers.AutoModelForCausalLM.from_pretrained(
            subject.folder, attn_implementation="eager", dtype=subject.model.hooked.cfg.dtype
        )
        self.model = model.to(device).eval()
        self.device = device
        self.eos = sorted(subject.model.eos)
        self.decode = subject.model.decode

    def sweep(
        self, prompts: Sequence[Prompt], layers: Sequence[int], batch_size: int, *, tokens: int | None = None
    ) -> Completed:
        """Greedy completions with the context hidden from each layer on (mask TTF).

        Args:
            prompts: the prompts.
            layers: first layers, one after the other.
            batch_size: prompts that run together.
            tokens: how many tokens every completion is made to have; by default each batch ends early.
        """
        found: Completed = {}
        for layer in layers:
            for start in range(0, len(prompts), batch_size):
                batch = prompts[start : start + batch_size]
                completed = self._complete(batch, layer, tokens)
                found |= {(prompt.name, layer): ids for prompt, ids in zip(batch, completed, strict=True)}
        return found

    @contextmanager
    def _masked(self, hidden: Tensor, from_layer: int) -> Iterator[None]:
        """Hide columns (row, position) from `from_layer` on while inside."""

        def edit(mask: Tensor) -> Tensor:
            columns = torch.zeros(mask.shape[0], mask.shape[-1], dtype=torch.bool, device=self.device)
            columns[:, : hidden.shape[1]] = hidden
            return mask.masked_fill(columns[:, None, None], torch.finfo(mask.dtype).min)

        with mask_edited(self.model, from_layer, edit):
            yield

    def _complete(self, prompts: Sequence[Prompt], from_layer: int, tokens: int | None) -> list[tuple[int, ...]]:
        """Completions of one batch with the context hidden from one layer on."""
        width = max(len(prompt.token_ids) for prompt in prompts)
        ids, real = torch.zeros(2, len(prompts), width, dtype=torch.long)
        hidden = torch.zeros(len(prompts), width, dtype=torch.bool)
        for row, prompt in enumerate(prompts):
            pad = width - len(prompt.token_ids)
            ids[row, pad:] = torch.tensor(prompt.token_ids)
            real[row, pad:] = 1
            hidden[row, torch.tensor(prompt.positions("instructions", "examples")) + pad] = True
        stops = transformers.StoppingCriteriaList([] if tokens else [_AllStopped(self.decode, prompts, width)])
        longest = tokens or max(prompt.max_new_tokens for prompt in prompts)
        with self._masked(hidden.to(self.device), from_layer):
            out = self.model.generate(
                ids.to(self.device), attention_mask=real.to(self.device), max_new_tokens=longest, do_sample=False,
                num_beams=1, eos_token_id=None if tokens else self.eos, pad_token_id=0, stopping_criteria=stops,
            )  # fmt: skip
        return [
            _ended(self.decode, self.eos, prompt, row[width:].tolist())
            for prompt, row in zip(prompts, out, strict=True)
        ]


@contextmanager
def mask_edited(model: Any, from_layer: int, edit: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Attention of a Llama gets its mask edited in every layer from `from_layer` on while inside."""

    def before(module: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        return arguments, {**keywords, "attention_mask": edit(keywords["attention_mask"])}

    layers = model.model.layers[from_layer:]
    handles = [layer.self_attn.register_forward_pre_hook(before, with_kwargs=True) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _AllStopped(transformers.StoppingCriteria):
    """Which prompts of a batch have met their stop rule."""

    def __init__(self, decode: Callable[[Sequence[int]], str], prompts: Sequence[Prompt], width: int) -> None:
        self.decode, self.prompts, self.width = decode, prompts, width

    def __call__(self, input_ids: Tensor, scores: Tensor, **_: Any) -> Tensor:
        texts = [self.decode(row[self.width :].tolist()) for row in input_ids]
        done = [any(stop in text for stop in prompt.stop) for prompt, text in zip(self.prompts, texts, strict=True)]
        return torch.tensor(done, device=input_ids.device)


def _ended(
    decode: Callable[[Sequence[int]], str], eos: Sequence[int], prompt: Prompt, tokens: list[int]
) -> tuple[int, ...]:
    """The tokens up to where the prompt's stop rule ends them."""
    for end in range(1, min(len(tokens), prompt.max_new_tokens) + 1):
        if tokens[end - 1] in eos or any(stop in decode(tokens[:end]) for stop in prompt.stop):
            return tuple(tokens[:end])
    return tuple(tokens[: prompt.max_new_tokens])
