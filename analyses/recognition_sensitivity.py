"""How much does the recognition layer depend on how it is read?

Paper A (Sia, Mueller and Duh 2024) reads the layer off BLEU curves by eye, with attention renormalised and, on Llama,
the BOS visible. Here one curve is read by every score (BLEU and the log-probability of the reference among them), at
thresholds of 90, 95 and 99 % of the rise, with the BOS visible and hidden, and with the hidden positions' attention set to
zero instead of shared out among the rest. All variants run in one sweep.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.batches import Batch, batches
from workbench.settings import EngineSettings, ProgramSettings, PromptSettings

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from workbench.models.model import Model
    from workbench.runs.pages import Page
    from workbench.scoring import Score
    from workbench.statistics.sensitivity import Readings
    from workbench.tasks.task import Task


@dataclass(frozen=True)
class Config(EngineSettings, ProgramSettings, PromptSettings):
    """Settings of the comparison."""

    mask: str = "TTF"
    """What is hidden: T or F for instructions, examples and query, or mask_all."""
    seeds: tuple[int, ...] = (0, 1, 2)
    layers: tuple[int, ...] | None = None
    """First layers from which the context is hidden; all if left out. 0 and the ceiling are always measured."""
    fractions: tuple[float, ...] = (0.9, 0.95, 0.99)
    """Shares of the rise from floor to ceiling at which the task counts as recognised; 0.95 is always among them."""


SUMMARY_ONLY = ("fractions",)
"""Settings that change no measurement, only what is read off it."""


def cells(config: Config) -> list[Batch]:
    """What can be measured apart. Refuses unknown tasks, formats and masks before a model is loaded."""
    from workbench import setting_checks as checks
    from workbench.interventions import ContextMask

    checks.check_positive(
        batch_size=config.batch_size, max_new_tokens=config.max_new_tokens, number_of_examples=config.examples
    )
    checks.check_data_folder(config.data)
    checks.check_each_once(task=config.task, seeds=config.seeds, fractions=config.fractions)
    for fraction in config.fractions:
        checks.check_fraction(fraction)
    ContextMask.named(config.mask, 0)
    totals = {}
    for name in config.task:
        task = _task(config, name)
        _scores(config, task)
        totals[name] = len(task.limited(config.limit))
    return batches(totals, config.seeds, config.batch_size)


def task_digest(config: Config, cell: Batch) -> str:
    """Hash of the data that a cell reads."""
    return _task(config, cell.task).digest


def signatures(config: Config) -> dict[str, str]:
    """How the scores are made, by their names."""
    tasks = (_task(config, name) for name in config.task)
    return {score.name: score.signature for task in tasks for score in _scores(config, task) if score.signature}


def measure(config: Config, cell: Batch, model: Model, progress: Callable[[int], object] | None = None) -> pd.DataFrame:
    """Run one batch: hidden in each way from every layer, each prompt's statistics and completion a row."""
    from workbench.masking.mask_rows import every_layer, mask_rows
    from workbench.masking.mask_variants import variants
    from workbench.prompt_sets import about, prompts_of

    task = _task(config, cell.task)
    asked: dict[str, Any] = {"format": config.format, "examples": config.examples, "seed": cell.seed}
    return mask_rows(
        model,
        prompts_of(model, task, task.test[cell.start : cell.stop], **asked),
        variants(config.mask, every_layer(model.n_layers, config.layers)),
        _scores(config, task),
        {**about(model, task), **asked},
        batch_size=config.batch_size,
        engine=config.engine,
        progress=progress,
    )


def figures(table: pd.DataFrame) -> dict[str, go.Figure]:
    """For every task, the layer by every way of reading it, the curve by every score, and the curve of every variant."""
    from workbench.views.sensitivity import pictures

    return {picture.name: picture.figure for picture in pictures(_readings(table))}


def page(table: pd.DataFrame, completions: pd.DataFrame) -> Page:
    """The report: how far the layer moves, the curves behind it, and every reading in a table."""
    from workbench.runs.pages import Page, model_names
    from workbench.statistics.sensitivity import PAPER
    from workbench.views.masking_notes import cut_references, layers_not_measured
    from workbench.views.sensitivity import findings, pictures, readings_tables

    found = _readings(table)
    said = [*findings(found, table), *cut_references(table), *layers_not_measured(table[table["variant"] == PAPER])]
    return Page(
        f"How the recognition layer of {model_names(table)} is read", pictures(found), readings_tables(found), said
    )


def _readings(table: pd.DataFrame) -> Readings:
    from workbench.statistics.sensitivity import readings

    return readings(table, table.attrs.get("settings", {}).get("fractions", Config.fractions))


def _task(config: Config, name: str) -> Task:
    from workbench.prompt_sets import checked_task

    asked: dict[str, Any] = {
        "format": config.format,
        "examples": config.examples,
        "max_new_tokens": config.max_new_tokens,
    }
    return checked_task(name, data=config.data, **asked)


def _scores(config: Config, task: Task) -> list[Score]:
    from workbench.scoring import scores_for

    return scores_for(task, config.scores or (), allow_code_execution=config.allow_code_execution)


if __name__ == "__main__":
    from workbench.cli.run import run_as_script

    run_as_script(__file__)
