"""All layers of one model by the fast sweep and by its peers: the same prompts, stop rule and mask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from torch.utils.flop_counter import FlopCounterMode

from benchmarks.cached import Cached
from benchmarks.clock import layer_token_operations, product_seconds, timed
from benchmarks.counting import Completed, needed, product_share
from benchmarks.hugging_face import PUBLISHED_BATCH, PUBLISHED_TOKENS, HuggingFace
from benchmarks.result import Bar, Timing
from benchmarks.settings import Settings, Subject, completions_only
from workbench.interventions import ContextMask
from workbench.sweep import engine
from workbench.sweep.plan import Counts
from workbench.sweep.rows import prefix_length

Run = Callable[[], Any]
FLOOR = "matrix products"


class Fast:
    """The fast sweep of completions alone, as the peers of Hugging Face give them."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.prompts = completions_only(subject.prompts)
        self.conditions = [ContextMask.named("TTF", layer) for layer in range(subject.model.n_layers)]
        self.layer_tokens = 0

    def sweep(self) -> Completed:
        """Completions by prompt and layer."""
        counts = Counts()
        outcomes = engine.sweep(
            self.subject.model,
            self.prompts,
            self.conditions,
            batch_size=len(self.prompts),
            counts=counts,
            compare=False,
        )
        self.layer_tokens = counts.layer_tokens
        return {(outcome.prompt, outcome.condition): outcome.token_ids for outcome in outcomes}

    def warm_up(self) -> None:
        """The first run pays for what later ones find ready."""
        engine.sweep(self.subject.model, self.prompts[:1], self.conditions, compare=False)

    def operations(self) -> float:
        """Floating-point operations of all products of a sweep, counted by PyTorch as they run."""
        with FlopCounterMode(display=False) as counter:
            self.sweep()
        return float(counter.get_total_flops())

    def timing(self, seconds: tuple[float, ...]) -> Timing:
        """Its times, with what it computed."""
        model = self.subject.model
        return Timing(self.subject.shape, model.n_layers, "fast", len(self.prompts), seconds, self.layer_tokens)


class Peers:
    """Those of Hugging Face: each makes all layers' completions, one layer at a time."""

    def __init__(self, fast: Fast, settings: Settings) -> None:
        subject, device = fast.subject, settings.device
        self.shape, self.prompts, self.n_layers = subject.shape, fast.prompts, subject.model.n_layers
        self._layers = range(self.n_layers)
        self._plain = HuggingFace(subject, device)
        self._cached = {name: Cached(subject, name, device) for name in ("eager", "sdpa")}
        self._settings = settings

    @property
    def few(self) -> Sequence[Any]:
        """What *as published* is timed on: it takes two prompts at a time, so its time for a prompt is the same for all."""
        return self.prompts[:PUBLISHED_BATCH]

    def published(self) -> Completed:
        """As published."""
        return self._plain.sweep(self.few, self._layers, PUBLISHED_BATCH, tokens=PUBLISHED_TOKENS)

    def tuned(self) -> tuple[str, Run]:
        """The best of several batch sizes, found on two of the layers, and its name."""
        variants = {
            f"tuned, batch {size}": partial(self._plain.sweep, self.prompts, batch_size=size) for size in self._sizes()
        }
        return self._best(variants)

    def strong(self) -> tuple[str, Run]:
        """The best of several batch sizes and both kinds of attention, and its name."""
        variants = {
            f"strong, {name}, batch {size}": partial(peer.sweep, self.prompts, batch_size=size)
            for name, peer in self._cached.items()
            for size in self._sizes()
        }
        return self._best(variants)

    def timing(self, peer: str, seconds: tuple[float, ...], completed: Completed) -> Timing:
        """A peer's times, with what it needed to compute."""
        prompts = self.few if peer == "published" else self.prompts
        shared = prefix_length(prompts) if peer.startswith("strong") else 0
        always = PUBLISHED_TOKENS if peer == "published" else None
        tokens = needed(prompts, completed, self.n_layers, shared=shared, always=always)
        return Timing(self.shape, self.n_layers, peer, len(prompts), seconds, tokens)

    def _sizes(self) -> list[int]:
        count = len(self.prompts)
        return sorted({max(1, count // 2), count})

    def _best(self, variants: Mapping[str, Callable[..., Completed]]) -> tuple[str, Run]:
        trial = sorted({0, self.n_layers // 2})
        seconds = {}
        for name, run in variants.items():
            run(layers=trial[:1])
            seconds[name], _ = timed(partial(run, layers=trial), self._settings)
            print(f"  trial of {name}: {seconds[name]:.2f} s for {len(trial)} of {self.n_layers} layers", flush=True)
        best = min(seconds, key=lambda name: seconds[name])
        return best, partial(variants[best], layers=self._layers)


def floor_run(fast: Fast, settings: Settings) -> Callable[[], float]:
    """Measures the seconds of one operation inside a large product: a run that stands beside the others."""
    return lambda: product_seconds(settings, fast.subject.model.hooked.cfg.dtype)


def floor_bar(fast: Fast, ours: Timing, operation_seconds: float, at_most: float) -> Bar:
    """The fast sweep's time as a multiple of what the products of its layer-tokens take at a large product's rate."""
    floor = layer_token_operations(fast.subject.model) * fast.layer_tokens * operation_seconds
    every = fast.operations() * operation_seconds
    mine = ours.a_prompt * ours.prompts
    inside = (
        "" if fast.subject.model.hooked.W_E.is_cuda else f"; {product_share(fast.sweep):.0%} of the time in products"
    )
    return Bar(
        ours.shape,
        "the floor: products of the counted layer-tokens with the weights",
        mine / floor,
        "times",
        at_most,
        at_most=True,
        note=f"large product: {1e-9 / operation_seconds:.0f} GFLOP/s; against all products that ran "
        f"(attention and logits too): {mine / every:.1f}{inside}",
    )
