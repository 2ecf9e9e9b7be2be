"""Checks of settings that several analyses have, in the same words; all of them before a model is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from workbench.errors import UserError
from workbench.scoring.pass_at_1 import NAME as PASS_AT_1


def check_positive(**values: int | None) -> None:
    """Refuse counts below 1, such as `batch_size=0`; None is left to its default."""
    for name, value in values.items():
        if value is not None and value < 1:
            raise UserError(f"The {_words(name)} is {value}; give 1 or more.")


def check_fraction(fraction: float) -> None:
    """Refuse a share of the rise that is none."""
    if not 0 < fraction <= 1:
        raise UserError(f"The fraction is {fraction}; give more than 0 and at most 1, such as 0.95.")


def check_each_once(**values: Sequence[object]) -> None:
    """Refuse settings that name nothing, or one value twice."""
    for name, given in values.items():
        if not given:
            raise UserError(f"No {_words(name)} given; at least one is needed.")
        if len(set(given)) < len(given):
            raise UserError(f"{_words(name)} names one value twice: {', '.join(map(str, given))}.")


def check_data_folder(data: Path | None) -> None:
    """Refuse a folder that is not there."""
    if data is not None and not data.exists():
        raise UserError(f"There is no folder {data}; give --data the folder of the data set.")


def check_no_programs(analysis: str, task: str, scores: Sequence[str]) -> None:
    """Refuse scores that execute programs, for an analysis that has no option to allow it."""
    if PASS_AT_1 in scores:
        raise UserError(
            f"The task {task} is scored by {PASS_AT_1}, which executes programs that the model writes, and {analysis} executes "
            "none; give tasks with another score."
        )


def _words(name: str) -> str:
    return {"max_new_tokens": "longest completion"}.get(name, name.replace("_", " "))
