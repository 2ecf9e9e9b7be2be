"""What `workbench.models.check` measures beside Hugging Face's own model, read from the same folder."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from pathlib import Path

import torch
import transformers
from jaxtyping import Float, Int
from torch import Tensor

from workbench.models.model import Model
from workbench.models.probe import Probe, largest
from workbench.models.quiet import quiet

# Share of the largest logit. Both sides round; in float64 Hugging Face still takes norms and softmax in float32.
_LOGITS = {torch.float32: 2e-5, torch.float64: 1e-5, torch.bfloat16: 5e-2, torch.float16: 1e-2}


class Comparison:
    """Differences between logits, on the rows of a `Probe`."""

    def __init__(self, model: Model, folder: Path) -> None:
        self.model, self.folder = model, folder
        self._rows = Probe(model)

    @property
    def tolerance(self) -> float:
        """Limit for differences: a share of the largest logit."""
        highest = max(float(row.abs().max()) for row in self._expected)
        return _LOGITS[self.model.hooked.cfg.dtype] * max(1.0, highest)

    def logits(self, side: str) -> float:
        """Largest difference where the rows are padded on `left`, `right` or `none`."""
        ids, mask = self._rows.padded(side)
        return self._unlike(self.model.hooked(ids, attention_mask=mask), mask)

    def logits_with_cache(self) -> float:
        """The same for rows padded on the left and read in three pieces, with a key/value cache."""
        ids, mask = self._rows.padded("left")
        cache = self.model.new_cache(len(ids))
        cuts = (0, ids.shape[1] // 2, ids.shape[1] - 1, ids.shape[1])
        parts = [
            self.model.hooked(ids[:, start:stop], attention_mask=mask[:, start:stop], past_kv_cache=cache)
            for start, stop in pairwise(cuts)
        ]
        return self._unlike(torch.cat(parts, dim=1), mask)

    @cached_property
    def _expected(self) -> list[Float[Tensor, "token vocabulary"]]:
        """Hugging Face's logits of each row alone: padded on the left, some of its models give NaN."""
        config = self.model.hooked.cfg
        with quiet():
            theirs = getattr(transformers, str(config.original_architecture)).from_pretrained(
                str(self.folder),
                dtype=config.dtype,
                attn_implementation="eager",
                local_files_only=True,
                use_safetensors=True,
            )
        theirs = theirs.to(self._rows.device).eval()
        rows = zip(self._rows.ids, self._rows.lengths, strict=True)
        return [theirs(row[None, :length]).logits[0].double() for row, length in rows]

    def _unlike(self, logits: Float[Tensor, "row position vocabulary"], mask: Int[Tensor, "row position"]) -> float:
        return max(
            largest(row[seen.bool()].double() - expected)
            for row, seen, expected in zip(logits, mask, self._expected, strict=False)
        )
