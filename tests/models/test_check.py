"""`workbench check`: what it says of sound models, and that each measurement finds the fault it is for."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import normalizers
from torch import Tensor
from transformer_lens.hook_points import HookPoint

from workbench.models.check import CheckResult, check
from workbench.models.load import load
from workbench.models.model import Model

TINY = (
    *("llama", "llama-gqa", "gpt2", "gpt-neo", "gpt-neox", "bloom", "opt", "gemma-2", "olmo", "olmo-2"),
    *("qwen2", "qwen3", "mistral", "starcoder2"),
)
UNPADDED, LEFT, RIGHT, CACHE, LEAK, RESTORED, ROWS, EFFECT, NAMES, REASSEMBLY, GRADIENTS, ROUND_TRIP, BOS = range(13)


def failed(model: Model, folder: Path) -> set[int]:
    return {number for number, result in enumerate(check(model, folder)) if not result.passed}


@pytest.mark.parametrize("architecture", TINY)
def test_every_architecture_passes(tiny_checkpoint: Callable[..., Path], architecture: str) -> None:
    folder = tiny_checkpoint(architecture)
    results = check(load(folder), folder)
    assert [result.name for result in results if not result.passed] == []
    assert len(results) == 13
    # The limits leave no room to speak of for what is only nearly right.
    assert max(result.value for result in results[: CACHE + 1]) < 2e-5


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("architecture", ["llama-gqa", "gpt-neo", "bloom", "gemma-2", "olmo-2"])
def test_other_dtypes_pass(tiny_checkpoint: Callable[..., Path], architecture: str, dtype: torch.dtype) -> None:
    folder = tiny_checkpoint(architecture)
    assert failed(load(folder, dtype=dtype), folder) == set()


@pytest.mark.parametrize("settings", [{"sliding_window": 300}, {"sliding_window": 4096}, {"sliding_window": None}])
def test_windows_inside_and_beyond_the_rows(tiny_checkpoint: Callable[..., Path], settings: dict[str, Any]) -> None:
    folder = tiny_checkpoint("mistral", **settings)
    assert failed(load(folder), folder) == set()


def test_a_wrong_window_is_found(tiny_checkpoint: Callable[..., Path]) -> None:
    # The rows are longer than a window of 300: with rows of 64 tokens this would pass.
    folder = tiny_checkpoint("mistral", sliding_window=300)
    model = load(folder)
    model.hooked.cfg.window_size = 301
    for block in model.hooked.blocks:
        block.attn.cfg.window_size = 302
    assert UNPADDED in failed(model, folder)


@pytest.mark.real_data
def test_the_stories_model_passes(real_data: Path) -> None:
    folder = real_data / "stories260k"
    assert failed(load(folder), folder) == set()


def test_checking_leaves_the_model_as_it_was(tiny_checkpoint: Callable[..., Path]) -> None:
    folder = tiny_checkpoint("llama")
    model = load(folder)
    ids = torch.arange(3, 40)[None]
    before = model.hooked(ids)
    check(model, folder)
    assert torch.equal(model.hooked(ids), before)
    assert not any(hook.fwd_hooks or hook.bwd_hooks for hook in model.hooked.hook_dict.values())
    assert not any(parameter.requires_grad for parameter in model.hooked.parameters())


def test_results_are_plain_data(tiny_checkpoint: Callable[..., Path]) -> None:
    folder = tiny_checkpoint("llama")
    results = check(load(folder), folder)
    assert json.loads(json.dumps([result.record() for result in results], allow_nan=False))
    infinite = CheckResult("leak", float("inf"), 0.0, False, "==").record()
    assert infinite == {"check": "leak", "value": "inf", "passes": "== 0", "passed": False}


# Models broken on purpose, each in one way.


def other_weights(model: Model) -> Model:
    model.hooked.blocks[1].mlp.b_out.data = model.hooked.blocks[1].mlp.b_out.data + 1e-3
    return model


def not_a_number(model: Model) -> Model:
    model.hooked.unembed.b_U.data = model.hooked.unembed.b_U.data + float("nan")
    return model


def with_forward(model: Model, change: Callable[[dict[str, Any]], None]) -> Model:
    forward = model.hooked.forward

    def changed(*arguments: Any, **options: Any) -> Any:
        change(options)
        return forward(*arguments, **options)

    model.hooked.forward = changed  # type: ignore[method-assign]
    return model


def forgets_the_mask(model: Model) -> Model:
    def change(options: dict[str, Any]) -> None:
        options["attention_mask"] = torch.ones_like(options["attention_mask"])

    return with_forward(model, change)


def forgets_the_cache(model: Model) -> Model:
    return with_forward(model, lambda options: options.pop("past_kv_cache", None))


class Deaf(HookPoint):
    """Runs its hooks and takes nothing from them, as hooks behind the softmax would."""

    def __call__(self, x: Tensor) -> Tensor:
        super().__call__(x)
        return x


def deaf_scores(model: Model) -> Model:
    model.hooked.blocks[2].attn.hook_attn_scores.__class__ = Deaf
    return model


class Drifting(HookPoint):
    """Writes a little more each time: something stays behind."""

    def forward(self, x: Tensor) -> Tensor:
        self.calls = getattr(self, "calls", 0) + 1
        return x * (1 + 1e-2 * self.calls)


def drifts(model: Model) -> Model:
    model.hooked.blocks[0].hook_mlp_out.__class__ = Drifting
    return model


class Fading(HookPoint):
    """Every weight a little too small."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 0.999


def fading_rows(model: Model) -> Model:
    model.hooked.blocks[3].attn.hook_pattern.__class__ = Fading
    return model


def looks_at_padding(model: Model) -> Model:
    """Rows still sum to one, but a part of each goes to the first column."""

    class Astray(HookPoint):
        def forward(self, x: Tensor) -> Tensor:
            first = torch.nn.functional.one_hot(torch.tensor(0), x.shape[-1])
            return 0.9 * x + 0.1 * x.sum(-1, keepdim=True) * first

    model.hooked.blocks[0].attn.hook_pattern.__class__ = Astray
    return model


def lacks_a_hook(model: Model) -> Model:
    del model.hooked.hook_dict["blocks.1.mlp.hook_post"]
    return model


class Shifted(HookPoint):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1e-3


def output_unlike_its_heads(model: Model) -> Model:
    model.hooked.blocks[1].hook_attn_out.__class__ = Shifted
    return model


class _BadGradient(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return gradient * float("nan")


class NoGradient(HookPoint):
    def forward(self, x: Tensor) -> Tensor:
        return _BadGradient.apply(x)


def bad_gradients(model: Model) -> Model:
    model.hooked.blocks[2].attn.hook_pattern.__class__ = NoGradient
    return model


def cut_gradients(model: Model) -> Model:
    class Cut(HookPoint):
        def forward(self, x: Tensor) -> Tensor:
            return x.detach()

    model.hooked.blocks[3].hook_resid_post.__class__ = Cut
    return model


def lower_case(model: Model) -> Model:
    model.tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    return dataclasses.replace(model)


def no_bos(model: Model) -> Model:
    return dataclasses.replace(model, bos=None)


@pytest.mark.parametrize(
    ("architecture", "break_it", "found"),
    [
        ("llama", other_weights, {UNPADDED, LEFT, RIGHT, CACHE}),
        ("gpt2", not_a_number, {UNPADDED, LEFT, RIGHT, CACHE, LEAK, RESTORED}),
        ("llama", forgets_the_mask, {LEFT, CACHE, ROWS}),
        ("bloom", forgets_the_cache, {CACHE}),
        ("gpt-neo", deaf_scores, {LEAK, EFFECT}),
        ("opt", drifts, {UNPADDED, LEFT, RIGHT, CACHE, RESTORED}),
        ("gpt-neox", fading_rows, {UNPADDED, LEFT, RIGHT, CACHE, ROWS}),
        ("gpt-neox", looks_at_padding, {UNPADDED, LEFT, RIGHT, CACHE, ROWS}),
        ("qwen2", lacks_a_hook, {NAMES}),
        ("gemma-2", output_unlike_its_heads, {UNPADDED, LEFT, RIGHT, CACHE, REASSEMBLY}),
        ("olmo-2", output_unlike_its_heads, {UNPADDED, LEFT, RIGHT, CACHE, REASSEMBLY}),
        ("mistral", bad_gradients, {GRADIENTS}),
        ("mistral", cut_gradients, {GRADIENTS}),
        ("llama", lower_case, {ROUND_TRIP}),
        ("llama", no_bos, {BOS}),
    ],
)
def test_a_broken_model_is_found(
    tiny_checkpoint: Callable[..., Path], architecture: str, break_it: Callable[[Model], Model], found: set[int]
) -> None:
    folder = tiny_checkpoint(architecture)
    assert failed(break_it(load(folder)), folder) >= found


@pytest.mark.parametrize(
    ("architecture", "break_it", "found"),
    [
        ("llama", other_weights, {UNPADDED, LEFT, RIGHT, CACHE}),
        ("bloom", forgets_the_cache, {CACHE}),
        ("gpt-neo", deaf_scores, {LEAK, EFFECT}),
        ("qwen2", lacks_a_hook, {NAMES}),
        ("mistral", bad_gradients, {GRADIENTS}),
        ("llama", lower_case, {ROUND_TRIP}),
        ("llama", no_bos, {BOS}),
    ],
)
def test_and_nothing_else_is_blamed(
    tiny_checkpoint: Callable[..., Path], architecture: str, break_it: Callable[[Model], Model], found: set[int]
) -> None:
    folder = tiny_checkpoint(architecture)
    assert failed(break_it(load(folder)), folder) == found


def test_other_weights_in_the_folder_are_found(tiny_checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    other = Path(shutil.copytree(tiny_checkpoint("llama", seed=1), tmp_path / "other"))
    assert {UNPADDED, LEFT, RIGHT, CACHE} <= failed(load(tiny_checkpoint("llama")), other)
