"""A loaded model as the rest of the workbench sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from tokenizers import Tokenizer
from torch import Tensor
from transformer_lens import HookedTransformer
from transformer_lens.cache.key_value_cache import TransformerLensKeyValueCache
from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True, eq=False)
class Model:
    """A model, its tokenizer, and what must be known of both to trust a number."""

    name: str
    hooked: HookedTransformer
    """In evaluation mode, parameters frozen, weights neither folded nor centred, without a tokenizer of its
    own."""
    tokenizer: PreTrainedTokenizerFast
    window: int
    """Longest sequence the model was built for, in tokens."""
    bos: int | None
    """The id that the tokenizer itself puts before a text; None if it puts nothing there."""
    eos: frozenset[int]
    """Ids that end a text."""
    digest: str
    """SHA-256 over weights, config and tokenizer files."""
    source: str
    """Folder, or hub id and commit."""

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return int(self.hooked.cfg.n_layers)

    @property
    def n_heads(self) -> int:
        """Number of query heads of a layer."""
        return int(self.hooked.cfg.n_heads)

    def encode(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids of a text and, for each, its half-open span of characters.

        One tokenisation. BOS comes first where the tokenizer wants one, with the span (0, 0), and is not
        doubled where the text already begins with it; nothing is appended or cut off. A space that belongs to
        a token is in its span. Tokens that share a character (pieces of its bytes) all have the span of that
        character.
        """
        encoding = self._plain.encode(text, add_special_tokens=False)
        ids, offsets = list(encoding.ids), list(encoding.offsets)
        if self.bos is None or ids[:1] == [self.bos]:
            return ids, offsets
        return [self.bos, *ids], [(0, 0), *offsets]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, without special tokens and otherwise untouched."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def logits(self, residual: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch vocabulary"]:
        """Logits from the residual stream after the last layer: final normalisation, unembedding, softcap."""
        hooked = self.hooked
        logits = hooked.unembed(hooked.ln_final(residual))
        softcap = hooked.cfg.output_logits_soft_cap
        return softcap * torch.tanh(logits / softcap) if softcap > 0 else logits

    def new_cache(self, batch: int) -> TransformerLensKeyValueCache:
        """An empty key/value cache for a batch; where blocks are on several devices, each layer's part goes with its own."""
        return TransformerLensKeyValueCache.init_cache(self.hooked.cfg, self.hooked.cfg.device, batch)

    @cached_property
    def weight_bytes(self) -> int:
        """Size of the parameters."""
        return sum(parameter.numel() * parameter.element_size() for parameter in self.hooked.parameters())

    @cached_property
    def _plain(self) -> Tokenizer:
        """The tokenizer without what follows tokenisation.

        A post-processor adds special tokens and, in some checkpoints (Llama 3), trims spaces off the offsets,
        so that a token of spaces alone would belong to no character. Truncation and padding may be baked into
        the file as well.
        """
        plain = Tokenizer.from_str(self.tokenizer.backend_tokenizer.to_str())
        plain.post_processor = None
        plain.no_truncation()
        plain.no_padding()
        return plain
