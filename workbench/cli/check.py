"""`workbench check MODEL`: can a model's numbers be trusted?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import tyro

_WHAT = (
    "Load a model and measure whether its numbers can be trusted: logits equal to Hugging Face's, interventions that "
    "do what they say. Exit status 1 if one measurement fails. Needs room for the model twice. Runs of the same model "
    "write the result into their provenance."
)


@dataclass(frozen=True)
class Options:
    """What to check."""

    model: Annotated[str, tyro.conf.Positional]
    """Checkpoint folder, hub id, or name from `workbench models`."""
    revision: str | None = None
    """Branch, tag or commit on the hub."""
    dtype: Literal["float32", "float64", "bfloat16", "float16"] = "float32"
    """Numbers it computes with."""
    device: str = "cpu"
    """Where it computes: cpu, cuda, cuda:1, ..."""


def main(arguments: Sequence[str]) -> int:
    """Check a model and print a table; 1 if anything failed."""
    asked: Any = tyro.cli(Options, prog="workbench check", description=_WHAT, args=arguments)
    import torch

    from workbench.cli.show import show_table
    from workbench.models.check import check
    from workbench.models.load import load
    from workbench.models.source import locate

    source = locate(asked.model, asked.revision)
    model = load(asked.model, revision=asked.revision, dtype=getattr(torch, asked.dtype), device=asked.device)
    results = check(model, source.folder)
    rows = [
        [result.name, f"{result.value:.3g}", f"{result.rule} {result.limit:.3g}", "pass" if result.passed else "FAIL"]
        for result in results
    ]
    show_table(f"{model.name} ({model.source}), {asked.dtype}", ["check", "measured", "passes if", ""], rows)
    _keep(model, [result.record() for result in results])
    failed = sum(not result.passed for result in results)
    print(f"{len(results) - failed} of {len(results)} passed" + (f", {failed} FAILED." if failed else "."))
    return 1 if failed else 0


def _keep(model: Any, records: list[dict[str, Any]]) -> None:
    """Keep the results for later runs, if there is a place; the check itself does not depend on it."""
    from workbench.runs.trust import CACHE, remember

    try:
        remember(model, records)
    except OSError as error:
        print(
            f"workbench: the result cannot be kept for later runs ({error}); {CACHE} names another folder.",
            file=sys.stderr,
        )
