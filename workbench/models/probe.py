"""What `workbench.models.check` measures on a loaded model alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from transformer_lens.utilities.architectures import POST_NORM_ARCHITECTURES

from workbench.interventions import ContextMask, ContextMaskHooks
from workbench.models.model import Model
from workbench.prompts import Prompt, Segment

HOOKS = (
    *("hook_resid_pre", "hook_resid_post", "hook_attn_out", "hook_mlp_out", "mlp.hook_post"),
    *("attn.hook_q", "attn.hook_k", "attn.hook_v", "attn.hook_z", "attn.hook_attn_scores", "attn.hook_pattern"),
)
"""Names of the hooks in every layer that interventions and analyses may count on."""

TEXTS = (
    "Q: where is the small book?\nA: on the table",
    "The cats sleep; the dog barks loudly!",
    "été, naïve, Straße",
    "def add(a, b):\n    return a + b",
)

# Of numbers that are at most about one.
_ROUNDING = {torch.float32: 1e-5, torch.float64: 1e-5, torch.bfloat16: 3e-2, torch.float16: 5e-3}
_HALF_THE_SCORES = 0.5
_BRIEF = 16
_EFFECT_TOKENS = 8


class Probe:
    """The measurements. All read the same few rows of random tokens, of different lengths; short ones if it is to be brief."""

    def __init__(self, model: Model, *, brief: bool = False) -> None:
        self.model = model
        self.hooked, self.cfg = model.hooked, model.hooked.cfg
        self.device = model.hooked.W_E.device
        generator = torch.Generator().manual_seed(0)
        longest = min(_BRIEF, self._longest()) if brief else self._longest()
        self.lengths = (longest, longest // 2, 1, longest - 3)
        ids = torch.randint(0, self.cfg.d_vocab, (len(self.lengths), longest), generator=generator)
        self.ids = ids.to(self.device)

    def _longest(self) -> int:
        """Tokens: beyond the window of local layers where that is short."""
        window = self.cfg.window_size if self.cfg.use_local_attn else None
        beyond = window + 16 if window is not None and window <= 512 else 64
        return max(8, min(beyond, self.model.window))

    @property
    def rounding(self) -> float:
        """Limit for numbers of about one."""
        return _ROUNDING[self.cfg.dtype]

    def padded(self, side: str) -> tuple[Int[Tensor, "row position"], Int[Tensor, "row position"]]:
        """The rows padded on one side with token 0, and the mask that says so; `none` leaves the first row alone."""
        if side == "none":
            return self.ids[:1], torch.ones_like(self.ids[:1])
        ids, mask = torch.zeros_like(self.ids), torch.zeros_like(self.ids)
        for row, length in enumerate(self.lengths):
            place = slice(ids.shape[1] - length, None) if side == "left" else slice(0, length)
            ids[row, place], mask[row, place] = self.ids[row, :length], 1
        return ids, mask

    def leak(self) -> float:
        """Difference of later logits when the tokens of a hidden span are others; infinite if the span never mattered."""
        ids, mask = self.padded("left")
        ids, mask = ids[[0, 3]], mask[[0, 3]]
        start, stop = 2, ids.shape[1] // 2
        prompts = [_prompt(row[seen.bool()].tolist(), start, stop) for row, seen in zip(ids, mask, strict=True)]
        others = ids.clone()
        for row, prompt in enumerate(prompts):
            shift = ids.shape[1] - len(prompt.token_ids)
            others[row, start + shift : stop + shift] = (ids[row, start + shift : stop + shift] + 1) % self.cfg.d_vocab
        later = slice(stop + ids.shape[1] - min(len(prompt.token_ids) for prompt in prompts), None)
        hidden = ContextMaskHooks(ContextMask(("examples",), 0, "check"), prompts, self.model.n_layers, self.device)
        seen = [self.hooked(tokens, attention_mask=mask)[:, later] for tokens in (ids, others)]
        with self.hooked.hooks(fwd_hooks=hidden.hooks()):
            unseen = [self.hooked(tokens, attention_mask=mask)[:, later] for tokens in (ids, others)]
        return largest(unseen[0] - unseen[1]) if largest(seen[0] - seen[1]) > 0 else float("inf")

    def left_behind(self) -> float:
        """Difference of logits before and after a hook was on and off again in every layer."""
        ids, mask = self.padded("left")
        before = self.hooked(ids, attention_mask=mask)
        with self._halved_scores(every_row=True):
            self.hooked(ids, attention_mask=mask)
        return largest(self.hooked(ids, attention_mask=mask) - before)

    def rows_off_one(self) -> float:
        """Largest distance from one of what a real position spreads over itself and the real ones before it."""
        ids, mask = self.padded("left")
        causal = torch.ones(ids.shape[1], ids.shape[1], device=self.device).tril()
        allowed = causal * mask[:, None, :]
        return max(
            largest(((pattern.double() * allowed[:, None]).sum(-1) - 1).movedim(1, -1)[mask.bool()])
            for pattern in self._activations(ids, mask, "attn.hook_pattern")
        )

    def least_hook_effect(self) -> float:
        """Change of logits where a hook halves a layer's scores; the layer where it is smallest counts.

        One batch of equal rows, each with another layer's scores halved: a row is compared with itself, so that no
        rounding of a batch of another shape passes for an effect.
        """
        ids = self.ids[:1, :_EFFECT_TOKENS].expand(self.model.n_layers, -1)
        mask = torch.ones_like(ids)
        clean = self.hooked(ids, attention_mask=mask)
        with self._halved_scores(every_row=False):
            changed = self.hooked(ids, attention_mask=mask)
        return min(largest(one - other) for one, other in zip(changed, clean, strict=True))

    def missing_hooks(self) -> float:
        """How many hooks, of `HOOKS` in every layer, are not there or do not run."""
        names = ["hook_embed", *(f"blocks.{layer}.{name}" for layer in range(self.model.n_layers) for name in HOOKS)]
        present = [name for name in names if name in self.hooked.hook_dict]
        ran: set[str] = set()

        def note(_: Tensor, hook: Any) -> None:
            ran.add(hook.name)

        with self.hooked.hooks(fwd_hooks=[(name, note) for name in present]):
            self.hooked(self.ids[:1, :2], attention_mask=torch.ones_like(self.ids[:1, :2]))
        return float(len(set(names) - ran))

    def reassembly(self) -> float:
        """Largest difference between attn_out and the sum of all heads' outputs, as a share of the largest attn_out."""
        ids, mask = self.padded("none")
        zs = self._activations(ids, mask, "attn.hook_z")
        outs = self._activations(ids, mask, "hook_attn_out")
        worst = 0.0
        for block, z, out in zip(self.hooked.blocks, zs, outs, strict=True):
            layer: Any = block
            heads = torch.einsum("bphd,hdm->bphm", z, layer.attn.W_O)
            total = heads.sum(dim=2) + layer.attn.b_O
            if self.cfg.use_normalization_before_and_after:
                total = layer.ln1_post(total)
            elif self.cfg.original_architecture in POST_NORM_ARCHITECTURES:
                total = layer.ln1(total)
            worst = max(worst, largest(total - out) / max(1.0, largest(out)))
        return worst

    def bad_gradients(self) -> float:
        """How many layers have, at hook_z or resid_pre of real positions, gradients not finite or zero throughout."""
        ids, mask = self.padded("left")
        kept: dict[str, Tensor] = {}

        def keep(tensor: Tensor, hook: Any) -> Tensor:
            kept[hook.name] = tensor if tensor.requires_grad else tensor.detach().requires_grad_(True)
            kept[hook.name].retain_grad()
            return kept[hook.name]

        names = [f"blocks.{n}.{name}" for n in range(self.model.n_layers) for name in ("attn.hook_z", "hook_resid_pre")]
        with (
            torch.enable_grad(),
            self.hooked.hooks(fwd_hooks=[("hook_embed", keep), *((name, keep) for name in names)]),
        ):
            logits = self.hooked(ids, attention_mask=mask)
            if logits.requires_grad:
                logits[mask.bool()].float().log_softmax(-1)[:, 0].sum().backward()
        gradients = [kept[name].grad for name in names if name in kept]
        good = [
            gradient is not None and bool(gradient[mask.bool()].isfinite().all() and gradient.abs().sum() > 0)
            for gradient in gradients
        ]
        return float(len(names) - sum(good))

    def texts_lost(self) -> float:
        """How many of `TEXTS` are others after encoding and decoding."""
        return float(sum(self.model.decode(self.model.encode(text)[0]) != text for text in TEXTS))

    def texts_begun_otherwise(self) -> float:
        """Compared with the tokenizer's own ids, as far as ours go: it may append an end, never put more in front."""
        ours = [self.model.encode(text)[0] for text in TEXTS]
        theirs = [list(self.model.tokenizer(text).input_ids) for text in TEXTS]
        return float(sum(mine != other[: len(mine)] for mine, other in zip(ours, theirs, strict=True)))

    @contextmanager
    def _halved_scores(self, *, every_row: bool) -> Iterator[None]:
        """Every layer's scores halved: in every row, or in the row that has the layer's number."""

        def halve(scores: Tensor, hook: Any) -> Tensor:
            row = torch.arange(len(scores), device=scores.device) == hook.layer()
            chosen = torch.ones_like(row) if every_row else row
            return torch.where(chosen[:, None, None, None], scores * _HALF_THE_SCORES, scores)

        hooks: list[tuple[Any, Callable[..., Any]]] = [
            (f"blocks.{layer}.attn.hook_attn_scores", halve) for layer in range(self.model.n_layers)
        ]
        with self.hooked.hooks(fwd_hooks=hooks):
            yield

    def _activations(
        self, ids: Int[Tensor, "row position"], mask: Int[Tensor, "row position"], name: str
    ) -> list[Tensor]:
        """What a hook of every layer sees."""
        found: list[Tensor] = []

        def keep(tensor: Tensor, hook: Any) -> None:
            found.append(tensor)

        hooks: list[tuple[Any, Callable[..., Any]]] = [
            (f"blocks.{layer}.{name}", keep) for layer in range(self.model.n_layers)
        ]
        with self.hooked.hooks(fwd_hooks=hooks):
            self.hooked(ids, attention_mask=mask)
        return found


def largest(difference: Tensor) -> float:
    """Largest absolute value; infinite where one is no number."""
    return float(torch.nan_to_num(difference.double(), nan=float("inf")).abs().max())


def _prompt(token_ids: list[int], start: int, stop: int) -> Prompt:
    """A prompt whose examples are the span given."""
    segments = (Segment("examples", start, stop), Segment("query", stop, len(token_ids)))
    return Prompt("check", "", tuple(token_ids), segments, "", "", (), (), 1)
