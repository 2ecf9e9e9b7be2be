"""The strong peer: one layer at a time, but with everything that can be had without sharing work between layers.

The context's keys and values are computed once for all prompts and layers and laid out once for a batch, in buffers with
room for what follows; every layer's sweep starts from them. Prompts are batched by length and padded on the left, between
context and query, with their own positions. Completions are decoded by hand: two masks a step, the plain one and the
edited one, handed to the layers; logits of the last token alone; rows leave the batch when their stop rule fires.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
import transformers
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

from benchmarks.counting import Completed
from benchmarks.hugging_face import mask_edited
from benchmarks.settings import Subject
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.sweep.completions import Completions
from workbench.sweep.rows import prefix_length

Attention = Literal["eager", "sdpa"]


class Cached:
    """A Llama-shaped model of Hugging Face with the context's keys and values computed once."""

    def __init__(self, subject: Subject, attention: Attention, device: str = "cpu") -> None:
        dtype = subject.model.hooked.cfg.dtype
        model: Any = transformers.AutoModelForCausalLM.from_pretrained(
            subject.folder, attn_implementation=attention, dtype=dtype
        )
        self.model = model.to(device).eval()
        self.words: Model = subject.model
        self.device, self.dtype = device, dtype

    @torch.inference_mode()
    def sweep(self, prompts: Sequence[Prompt], layers: Sequence[int], batch_size: int) -> Completed:
        """Greedy completions with the context hidden from each layer on (mask TTF)."""
        shared = prefix_length(prompts)
        ids = torch.tensor([prompts[0].token_ids[:shared]], device=self.device)
        context = self.model.model(ids, use_cache=True).past_key_values
        ordered = sorted(prompts, key=lambda prompt: len(prompt.token_ids))
        found: Completed = {}
        for start in range(0, len(ordered), batch_size):
            batch = _Batch(ordered[start : start + batch_size], shared, self.dtype, self.device)
            buffers = [_Buffer(layer.keys, layer.values, batch) for layer in context.layers]
            for layer in layers:
                found |= {(name, layer): tokens for name, tokens in self._complete(batch, buffers, layer).items()}
        return found

    def _complete(self, batch: _Batch, buffers: list[_Buffer], from_layer: int) -> dict[str, tuple[int, ...]]:
        """Completions of one batch with the context hidden from one layer on."""
        for buffer in buffers:
            buffer.length = batch.shared
        cache = Cache(layers=list(buffers))
        completions = Completions(self.words, batch.prompts)
        rows = list(range(len(batch.prompts)))
        ids, positions, masks = batch.ids, batch.positions, batch.reading
        while True:
            chosen = self._next(ids, positions, masks, cache, from_layer).tolist()
            for row, token in zip(rows, chosen, strict=True):
                completions.append_to(row, token, 0.0)
            staying = [place for place, row in enumerate(rows) if not completions.stopped(row)]
            if not staying:
                return {prompt.name: completions.row(row)[0] for row, prompt in enumerate(batch.prompts)}
            if len(staying) < len(rows):
                index = torch.tensor(staying, device=self.device)
                for buffer in buffers:
                    buffer.keep(index)
            rows = [rows[place] for place in staying]
            ids = torch.tensor([[chosen[place]] for place in staying], device=self.device)
            end = buffers[0].length + 1
            positions = batch.positions[rows, -1:] + end - batch.shared - batch.width
            plain, edited = batch.decoding
            masks = plain[rows, :, :, :end], edited[rows, :, :, :end]

    def _next(self, ids: Tensor, positions: Tensor, masks: tuple[Tensor, Tensor], cache: Cache, layer: int) -> Tensor:
        """The most likely next token of every row."""
        plain, edited = masks
        with mask_edited(self.model, layer, lambda _: edited):
            out = self.model.model(
                ids, attention_mask=plain, position_ids=positions, past_key_values=cache, use_cache=True
            )
        logits: Tensor = self.model.lm_head(out.last_hidden_state[:, -1])
        return logits.argmax(-1)


class _Batch:
    """Prompts that run together: what is the same whichever layer the context is hidden from."""

    def __init__(self, prompts: Sequence[Prompt], shared: int, dtype: torch.dtype, device: str) -> None:
        self.prompts, self.shared = prompts, shared
        own = [prompt.token_ids[shared:] for prompt in prompts]
        self.width = max(len(tokens) for tokens in own)
        self.capacity = shared + self.width + max(prompt.max_new_tokens for prompt in prompts)
        ids = torch.zeros(len(prompts), self.width, dtype=torch.long)
        columns = torch.ones(2, len(prompts), self.capacity, dtype=torch.bool)
        for row, (prompt, tokens) in enumerate(zip(prompts, own, strict=True)):
            pad = self.width - len(tokens)
            ids[row, pad:] = torch.tensor(tokens)
            columns[:, row, shared : shared + pad] = False
            hidden = prompt.positions("instructions", "examples")
            columns[1, row, [position + pad * (position >= shared) for position in hidden]] = False
        self.ids = ids.to(device)
        lengths = torch.tensor([len(tokens) for tokens in own]).unsqueeze(1)
        self.positions = (torch.arange(self.width) + shared + lengths - self.width).clamp(min=shared).to(device)
        # Plain and edited, [row, 1, query, column], as numbers that are added to the scores.
        ahead = torch.arange(self.capacity) > shared + torch.arange(self.width).unsqueeze(1)
        itself = torch.arange(self.capacity) == shared + torch.arange(self.width).unsqueeze(1)
        seen = columns[:, :, None, None, :]
        self.reading = self._added((seen & ~ahead | itself)[..., : shared + self.width], dtype, device)
        self.decoding = self._added(seen, dtype, device)

    def _added(self, seen: Tensor, dtype: torch.dtype, device: str) -> tuple[Tensor, Tensor]:
        added = torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min).to(device)
        return added[0], added[1]


class _Buffer(DynamicLayer):
    """One layer's keys and values: the context's, the same in every row, and room for what follows."""

    def __init__(self, keys: Tensor, values: Tensor, batch: _Batch) -> None:
        super().__init__()
        self.is_initialized = True
        self.shared = self.length = batch.shared
        shape = (len(batch.prompts), keys.shape[1], batch.capacity, keys.shape[3])
        self._keys, self._values = keys.new_empty(shape), values.new_empty(shape)
        self._keys[:, :, : self.shared], self._values[:, :, : self.shared] = keys, values

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Write the new ones behind the others; rows that have left are behind those that stay."""
        rows, start = len(key_states), self.length
        self.length = end = start + key_states.shape[-2]
        self._keys[:rows, :, start:end], self._values[:rows, :, start:end] = key_states, value_states
        return self._keys[:rows, :, :end], self._values[:rows, :, :end]

    def keep(self, rows: Tensor) -> None:
        """Move these rows to the front: their own columns alone, since the context is the same in all."""
        for each in (self._keys, self._values):
            each[: len(rows), :, self.shared : self.length] = each[rows, :, self.shared : self.length]

    def get_seq_length(self) -> int:
        """Columns in use."""
        return self.length
