"""Which activations carry the task from the examples to the answer?

Activation patching: a clean prompt and a corrupted one ask the same query after different examples (another task's, or
shuffled targets). An activation of the clean run is written into the corrupted run, one at a time, and brings the
answer's log-probability back some of the way: 0 as corrupted, 1 as clean. Residual stream, attention, feed-forward and
single heads, by layer and place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workbench.batches import Batch, batches
from workbench.settings import EngineSettings, PromptSettings

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from workbench.internals.patching import Patching
    from workbench.models.model import Model
    from workbench.runs.pages import Page
    from workbench.tasks.task import Task

Part = Literal["residual", "attention", "feed-forward", "head"]


@dataclass(frozen=True)
class Config(EngineSettings, PromptSettings):
    """Settings of the patching."""

    corruption: Literal["other-task", "shuffled"] = "other-task"
    """What the corrupted prompt shows: the examples of another task, or the same sources with shuffled targets."""
    other: str = "translate-en-de"
    """The other task, for other-task: another language, another operator."""
    align: Literal["tokens", "last"] = "tokens"
    """How positions correspond: token by token (corrupted examples are chosen so that every segment has as many tokens), or
    by the last token of each segment."""
    parts: tuple[Part, ...] = ("residual", "attention", "feed-forward", "head")
    """What is patched: the residual stream that enters a layer, what attention or feed-forward adds, single heads."""
    places: tuple[str, ...] = ("examples.source", "examples.delimiter", "examples.target", "query.source", "answer")
    """Where: segments, answer (the prompt's last position), or prompt (everywhere)."""
    measured: Literal["answer", "reference"] = "answer"
    """Log-probability of the answer's first token, or the mean over all tokens of the reference."""
    limit: int | None = 20
    batch_size: int = 20


def cells(config: Config) -> list[Batch]:
    """What can be measured apart. Refuses settings that do not go together before a model is loaded."""
    from workbench.errors import UserError
    from workbench.setting_checks import check_each_once, check_positive

    check_positive(batch_size=config.batch_size)
    check_each_once(task=config.task, seeds=config.seeds, parts=config.parts, places=config.places)
    if config.examples < 1:
        raise UserError("Without examples there is nothing to corrupt: give --examples 1 or more.")
    if config.corruption == "other-task" and config.other in config.task:
        raise UserError(
            f"The other task is {config.other!r} itself: give another with --other, or --corruption shuffled."
        )
    totals = {name: len(_task(config, name).limited(config.limit)) for name in config.task}
    _other(config)
    return batches(totals, config.seeds, config.batch_size)


def task_digest(config: Config, cell: Batch) -> str:
    """Hash of the data that a cell reads."""
    other = _other(config)
    return _task(config, cell.task).digest + (other.digest if other else "")


def measure(config: Config, cell: Batch, model: Model, progress: Callable[[int], object] | None = None) -> pd.DataFrame:
    """Patch one batch: a row for each prompt, clean, corrupted and under every patch."""
    import pandas as pd

    from workbench.internals.corruptions import Asked, prompt_pairs
    from workbench.internals.patching import patched_rows
    from workbench.prompt_sets import about
    from workbench.sweep import chosen_engine

    task, other = _task(config, cell.task), _other(config)
    asked = Asked(config.format, config.examples, cell.seed, config.corruption, other, config.align)
    pairs = prompt_pairs(model, task, task.test[cell.start : cell.stop], asked)
    table = pd.DataFrame(patched_rows(model, pairs, _patching(config), progress)).assign(
        **about(model, task),
        format=config.format,
        examples=config.examples,
        seed=cell.seed,
        corruption=config.corruption,
        other=other.name if other else "none",
        align=config.align,
        measured=config.measured,
    )
    table.attrs["engine"] = str(chosen_engine(model, config.engine))
    return table


def figures(table: pd.DataFrame) -> dict[str, go.Figure]:
    """For every task: what each part brings back, layer by place, and each head, layer by head."""
    from workbench.statistics.recovery import recovered
    from workbench.views.patching import pictures

    return {picture.name: picture.figure for picture in pictures(recovered(table))}


def page(table: pd.DataFrame, completions: pd.DataFrame) -> Page:
    """The report: the pictures, which patches bring back most, every patch in a table."""
    from workbench.runs.pages import Page, model_names
    from workbench.statistics.recovery import recovered
    from workbench.views.patching import findings, patch_table, pictures

    found = recovered(table)
    return Page(
        f"What carries the task to the answer in {model_names(table)}",
        pictures(found),
        [patch_table(found)],
        findings(found),
    )


def layer_profile(table: pd.DataFrame) -> pd.DataFrame:
    """For the overview: what the residual stream at the answer, and at the examples' targets, brings back."""
    from workbench.statistics.recovery import recovered
    from workbench.views.patching import patching_profile

    return patching_profile(recovered(table))


def _patching(config: Config) -> Patching:
    from workbench.internals.patching import Patching

    return Patching(config.parts, config.places, config.align, config.measured, config.engine)


def _other(config: Config) -> Task | None:
    return _task(config, config.other) if config.corruption == "other-task" else None


def _task(config: Config, name: str) -> Task:
    from workbench.prompt_sets import checked_task

    return checked_task(name, format=config.format, examples=config.examples, data=config.data)


if __name__ == "__main__":
    from workbench.cli.run import run_as_script

    run_as_script(__file__)
