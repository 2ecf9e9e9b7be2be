"""Does the layer at which a task is recognised depend on the number of examples in the prompt?

Paper A (Sia, Mueller and Duh 2024), its figure on the number of prompts: layer-from context masking with 1, 3, 5, 7 and
9 examples, and the score without any as a line. More examples raise the curve between floor and ceiling; the paper finds
that they do not move the layer from which on it is flat. Examples are drawn so that fewer are the first of more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from workbench.batches import spans
from workbench.settings import EngineSettings, MaskSettings, ProgramSettings, RecognitionSettings, TaskSettings

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from workbench.models.model import Model
    from workbench.runs.pages import Page
    from workbench.scoring import Score
    from workbench.tasks.task import Task


@dataclass(frozen=True)
class Config(MaskSettings, RecognitionSettings, EngineSettings, ProgramSettings, TaskSettings):
    """Settings of the comparison."""

    examples: tuple[int, ...] = (0, 1, 3, 5, 7, 9)
    """Numbers of examples in the prompt. With 0 there is nothing to hide: that score is a line."""
    format: str = "instr_none_QA"
    """Prompt format."""
    mask: str = "TTF"
    """What is hidden: T or F for instructions, examples and query, or mask_all."""
    seeds: tuple[int, ...] = (0, 1, 2)
    layers: tuple[int, ...] | Literal["adaptive"] | None = None
    """First layers from which the context is hidden; all if left out. 0 and the ceiling are always measured. `adaptive`
    measures only what the recognition layers and their intervals need."""


@dataclass(frozen=True)
class Cell:
    """Some prompts of one task with one number of examples, at all their layers, which share work.

    One batch of one seed; where layers are chosen as the curve is seen, everything of the task and number.
    """

    task: str
    examples: int
    seeds: tuple[int, ...]
    start: int
    stop: int


SUMMARY_ONLY = ("fraction", "relative_to")
"""Settings that change no measurement, only what is read off it."""


def cells(config: Config) -> list[Cell]:
    """What can be measured apart. Refuses unknown tasks, formats and masks, and pools with too few examples."""
    from workbench import setting_checks as checks
    from workbench.errors import UserError
    from workbench.interventions import ContextMask

    checks.check_positive(batch_size=config.batch_size, max_new_tokens=config.max_new_tokens)
    checks.check_fraction(config.fraction)
    checks.check_data_folder(config.data)
    checks.check_each_once(task=config.task, seeds=config.seeds, examples=config.examples)
    ContextMask.named(config.mask, 0)
    if max(config.examples) < 1:
        raise UserError(
            "There is no context to hide without examples: give numbers of examples above 0, such as 1 3 5."
        )
    found = []
    for name in config.task:
        for examples in config.examples:
            task = _task(config, name, examples)
            _scores(config, task)
            found += _cells(config, name, examples, len(task.limited(config.limit)))
    return found


def task_digest(config: Config, cell: Cell) -> str:
    """Hash of the data that a cell reads."""
    return _task(config, cell.task, cell.examples).digest


def signatures(config: Config) -> dict[str, str]:
    """How the scores are made, by their names."""
    tasks = (_task(config, name, 0) for name in config.task)
    return {score.name: score.signature for task in tasks for score in _scores(config, task) if score.signature}


def measure(config: Config, cell: Cell, model: Model, progress: Callable[[int], object] | None = None) -> pd.DataFrame:
    """Run one cell: the context hidden from every layer, each prompt's statistics and completion a row."""
    from workbench.masking.mask_rows import rows_by_seed
    from workbench.prompt_sets import about, prompts_of
    from workbench.statistics.curves import Settings

    task = _task(config, cell.task, cell.examples)
    asked: dict[str, Any] = {"format": config.format, "examples": cell.examples}
    items = task.test[cell.start : cell.stop]
    return rows_by_seed(
        model,
        {seed: prompts_of(model, task, items, **asked, seed=seed) for seed in cell.seeds},
        [config.mask if cell.examples else "FFF"],
        config.layers if cell.examples else (),
        _scores(config, task),
        {**about(model, task), **asked},
        rule=Settings(fraction=config.fraction, relative_to=config.relative_to),
        keep_bos=config.keep_bos,
        renormalise=config.renormalise,
        batch_size=config.batch_size,
        engine=config.engine,
        progress=progress,
    )


def figures(table: pd.DataFrame) -> dict[str, go.Figure]:
    """The recognition layer against the number of examples, and for each task and score the curves behind it."""
    from workbench.statistics.curves import summarise_run
    from workbench.views.example_numbers import pictures

    summary = summarise_run(table)
    return {picture.name: picture.figure for picture in pictures(summary, table if "completion" in table else None)}


def page(table: pd.DataFrame, completions: pd.DataFrame) -> Page:
    """The report: layers against numbers of examples, the curves behind them, every layer in a table."""
    from workbench.runs.pages import Page, model_names
    from workbench.statistics.curves import summarise_run
    from workbench.views.example_numbers import findings, layer_tables, pictures
    from workbench.views.masking_notes import notes

    summary = summarise_run(table)
    drawn = pictures(summary, table if "completion" in table else None)
    said = [*findings(summary), *notes(table)]
    return Page(f"Recognition and the number of examples in {model_names(table)}", drawn, layer_tables(summary), said)


def _cells(config: Config, name: str, examples: int, total: int) -> list[Cell]:
    # Without examples there is nothing that a seed would draw.
    seeds = config.seeds if examples else config.seeds[:1]
    if config.layers == "adaptive":
        return [Cell(name, examples, seeds, 0, total)]
    return [Cell(name, examples, (seed,), *span) for seed in seeds for span in spans(total, config.batch_size)]


def _task(config: Config, name: str, examples: int) -> Task:
    from workbench.prompt_sets import checked_task

    asked: dict[str, Any] = {"format": config.format, "examples": examples, "max_new_tokens": config.max_new_tokens}
    return checked_task(name, data=config.data, **asked)


def _scores(config: Config, task: Task) -> list[Score]:
    from workbench.scoring import scores_for

    return scores_for(task, config.scores or (), allow_code_execution=config.allow_code_execution)


if __name__ == "__main__":
    from workbench.cli.run import run_as_script

    run_as_script(__file__)
