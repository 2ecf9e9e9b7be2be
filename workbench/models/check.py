"""Can the numbers of a loaded model be trusted? Thirteen measurements, each with a limit.

    results = check(load("checkpoints/my-llama"), Path("checkpoints/my-llama"))
    assert all(result.passed for result in results)

Logits are compared with those of Hugging Face's own model, which is read from the same folder beside the loaded one:
there must be room for both. The rest asks whether interventions do what they say: hidden tokens leak nothing, hooks
change what they should and leave nothing behind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from workbench.models.comparison import Comparison
from workbench.models.model import Model
from workbench.models.probe import Probe


@dataclass(frozen=True)
class CheckResult:
    """One measurement, as plain data."""

    name: str
    value: float
    """What was measured; the name says what it counts."""
    limit: float
    passed: bool
    rule: str
    """How value and limit compare where it passes: `<=`, `==` or `>`."""

    def record(self) -> dict[str, str | float | bool]:
        """The measurement for a JSON file, which has no infinity: a value that is none is written as text."""
        value = self.value if math.isfinite(self.value) else str(self.value)
        return {"check": self.name, "value": value, "passes": f"{self.rule} {self.limit:g}", "passed": self.passed}


def check(model: Model, folder: Path) -> list[CheckResult]:
    """Every measurement on a model, as it is now.

    Args:
        model: the model, in any dtype and on any device.
        folder: the checkpoint folder that it was loaded from.

    Returns:
        The results, in a fixed order; none is skipped.
    """
    return [*compare(model, folder), *self_check(model)]


@torch.no_grad()
def compare(model: Model, folder: Path) -> list[CheckResult]:
    """The four measurements that need Hugging Face's model beside the loaded one."""
    comparison = Comparison(model, folder)
    limit = comparison.tolerance
    return [
        _at_most("logits unlike Hugging Face's, unpadded", comparison.logits("none"), limit),
        _at_most("logits unlike Hugging Face's, padded left", comparison.logits("left"), limit),
        _at_most("logits unlike Hugging Face's, padded right", comparison.logits("right"), limit),
        _at_most("logits unlike Hugging Face's, with cache", comparison.logits_with_cache(), limit),
    ]


@torch.no_grad()
def self_check(model: Model, *, brief: bool = False) -> list[CheckResult]:
    """The nine measurements that need the model alone; if `brief`, on rows of 16 tokens, at the cost of some short prompts."""
    probe = Probe(model, brief=brief)
    return [
        _exactly("leak of a hidden span into later logits", probe.leak()),
        _exactly("logits changed after hooks were removed", probe.left_behind()),
        _at_most("attention rows off from one", probe.rows_off_one(), probe.rounding),
        _more_than("change of logits by a hook on scores, least of all layers", probe.least_hook_effect()),
        _exactly("hooks missing or silent", probe.missing_hooks()),
        _at_most("attn_out unlike the sum over hook_z", probe.reassembly(), probe.rounding),
        _exactly("gradients not finite, or none, under padding", probe.bad_gradients()),
        _exactly("texts that do not come back from tokens", probe.texts_lost()),
        _exactly("texts that begin unlike the tokenizer's own, as to BOS", probe.texts_begun_otherwise()),
    ]


def _at_most(name: str, value: float, limit: float) -> CheckResult:
    # A value that is no number fails.
    return CheckResult(name, value, limit, value <= limit, "<=")


def _exactly(name: str, value: float) -> CheckResult:
    return CheckResult(name, value, 0.0, value == 0.0, "==")


def _more_than(name: str, value: float) -> CheckResult:
    return CheckResult(name, value, 0.0, value > 0.0, ">")
