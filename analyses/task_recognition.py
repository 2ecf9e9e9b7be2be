"""From which layer on does the model no longer need to look back at its instructions and examples?

Paper A (Sia, Mueller and Duh 2024, "Where does in-context learning happen in large language models?"), layer-from
context masking: for every layer, hide the context from that layer on, in all heads, and let the model answer. The
score as a function of that layer is flat, then steep, then flat again at the unmasked score; the layer from which it
stays there is the task-recognition layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from workbench.batches import spans
from workbench.settings import EngineSettings, MaskSettings, ProgramSettings, PromptSettings, RecognitionSettings

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from workbench.models.model import Model
    from workbench.runs.pages import Page
    from workbench.scoring import Score
    from workbench.statistics.curves import Summary
    from workbench.tasks.task import Task


@dataclass(frozen=True)
class Config(MaskSettings, RecognitionSettings, EngineSettings, ProgramSettings, PromptSettings):
    """Settings of the task-recognition sweep."""

    seeds: tuple[int, ...] = (0, 1, 2)
    masks: tuple[str, ...] = ("TTF",)
    """What is hidden: T or F for instructions, examples and query (TTF), or mask_all."""
    layers: tuple[int, ...] | Literal["adaptive"] | None = None
    """First layers from which the context is hidden; all if left out. 0 and the ceiling are always measured. `adaptive`
    measures only what the recognition layer and its interval need."""
    limit: int | None = 100
    published: str | None = None
    """Model whose published curves are drawn behind the BLEU curves: Llama-3.1-8B or Llama-3.1-8B-Instruct."""


@dataclass(frozen=True)
class Cell:
    """Some prompts of one task, with all their layers and masks, which share work.

    One batch of one seed; where layers are chosen as the curve is seen, everything of the task.
    """

    task: str
    seeds: tuple[int, ...]
    start: int
    stop: int


SUMMARY_ONLY = ("fraction", "relative_to", "published")
"""Settings that change no measurement, only what is read off it."""


def cells(config: Config) -> list[Cell]:
    """What can be measured apart. Refuses unknown tasks, formats and masks before a model is loaded."""
    from workbench import setting_checks as checks
    from workbench.interventions import ContextMask
    from workbench.published import curves_behind

    checks.check_positive(batch_size=config.batch_size, max_new_tokens=config.max_new_tokens)
    checks.check_fraction(config.fraction)
    checks.check_data_folder(config.data)
    checks.check_each_once(task=config.task, seeds=config.seeds, masks=config.masks)
    for mask in config.masks:
        ContextMask.named(mask, 0)
    curves_behind(config.published)
    tasks = {name: _task(config, name) for name in config.task}
    for task in tasks.values():
        _scores(config, task)
    totals = {name: len(task.limited(config.limit)) for name, task in tasks.items()}
    if config.layers == "adaptive":
        return [Cell(name, config.seeds, 0, total) for name, total in totals.items()]
    return [
        Cell(name, (seed,), *span)
        for name, total in totals.items()
        for seed in config.seeds
        for span in spans(total, config.batch_size)
    ]


def task_digest(config: Config, cell: Cell) -> str:
    """Hash of the data that a cell reads."""
    return _task(config, cell.task).digest


def signatures(config: Config) -> dict[str, str]:
    """How the scores are made, by their names."""
    return {
        score.name: score.signature
        for name in config.task
        for score in _scores(config, _task(config, name))
        if score.signature
    }


def measure(config: Config, cell: Cell, model: Model, progress: Callable[[int], object] | None = None) -> pd.DataFrame:
    """Run one cell: every mask from every layer, each prompt's statistics and completion a row."""
    from workbench.masking.mask_rows import rows_by_seed
    from workbench.prompt_sets import about, prompts_of
    from workbench.statistics.curves import Settings

    task = _task(config, cell.task)
    asked: dict[str, Any] = {"format": config.format, "examples": config.examples}
    items = task.test[cell.start : cell.stop]
    return rows_by_seed(
        model,
        {seed: prompts_of(model, task, items, **asked, seed=seed) for seed in cell.seeds},
        config.masks,
        config.layers,
        _scores(config, task),
        {**about(model, task), **asked},
        rule=Settings(fraction=config.fraction, relative_to=config.relative_to),
        keep_bos=config.keep_bos,
        renormalise=config.renormalise,
        batch_size=config.batch_size,
        engine=config.engine,
        progress=progress,
    )


def layer_profile(table: pd.DataFrame) -> pd.DataFrame:
    """For the overview: how much of each task's score is there when the context is hidden from each layer on."""
    from workbench.statistics.curves import summarise_run
    from workbench.views.layer_profiles import masking_profile

    summary = summarise_run(table)
    return masking_profile(summary.curves, summary.recognition)


def figures(table: pd.DataFrame) -> dict[str, go.Figure]:
    """The curves of every task and score, with their recognition layers."""
    from workbench.statistics.curves import summarise_run

    return _curve_figures(table, summarise_run(table))


def _curve_figures(table: pd.DataFrame, summary: Summary) -> dict[str, go.Figure]:
    from workbench.published import curves_behind
    from workbench.views.curves import figures as curve_figures

    texts = table if "completion" in table else None
    behind = curves_behind(table.attrs.get("settings", {}).get("published"))
    return curve_figures(summary.curves, summary.recognition, texts, published=behind)


def page(table: pd.DataFrame, completions: pd.DataFrame) -> Page:
    """The report: every task beside the others, each task's curve, then the scores that need no ability."""
    from workbench.runs.pages import Page, model_names
    from workbench.statistics.curves import summarise_run
    from workbench.views.comparison import comparison_figure, main_scores
    from workbench.views.curves import file_name
    from workbench.views.forest import recognition_figure
    from workbench.views.masking_notes import notes
    from workbench.views.passing import passing
    from workbench.views.report import Picture, Table
    from workbench.views.tables import recognition_table, without_constants

    summary = summarise_run(table)
    main = main_scores(summary.curves)
    first = {file_name(f"{task}.{score}") for task, score in main}
    together = recognition_figure(summary.curves, summary.recognition)
    pictures = [Picture("recognition-layers", together, _LAYERS, "All tasks")]
    if len(main) > 1:
        compared = comparison_figure(summary.curves, summary.recognition)
        pictures.insert(0, Picture("tasks-compared", compared, _COMPARED, "All tasks"))
    for name, figure in _curve_figures(table, summary).items():
        section = "Task by task" if name in first else "Other scores"
        pictures.append(Picture(name, figure, _CURVE, section))
    passing_pictures, passing_tables = passing(table)
    pictures += passing_pictures
    recognition = summary.recognition
    by_main = recognition[[pair in main for pair in zip(recognition["task"], recognition["score"], strict=True)]]
    short, said = without_constants(recognition_table(by_main))
    every, _ = without_constants(recognition_table(recognition, seeds=True))
    return Page(
        f"Task recognition in {model_names(table)}",
        sorted(pictures, key=lambda picture: _SECTIONS.index(picture.section)),
        [
            Table("Recognition layers", short, f"By each task's own score: {said}."),
            *passing_tables,
            Table("Every score and seed", every),
        ],
        notes(table),
        recognition,
    )


_SECTIONS = ("All tasks", "Task by task", "pass@k", "Other scores")
_COMPARED = "Every curve as a share of its own way from floor to ceiling; the ring marks the recognition layer."
_LAYERS = "Task-recognition layers with their 95 % intervals; small ticks are single seeds."
_CURVE = "Score when the context is hidden from each layer on."


def _task(config: Config, name: str) -> Task:
    """The task as the settings want it."""
    from workbench.prompt_sets import checked_task

    return checked_task(
        name,
        format=config.format,
        examples=config.examples,
        data=config.data,
        max_new_tokens=config.max_new_tokens,
    )


def _scores(config: Config, task: Task) -> list[Score]:
    from workbench.scoring import scores_for

    return scores_for(task, config.scores or (), allow_code_execution=config.allow_code_execution)


if __name__ == "__main__":
    from workbench.cli.run import run_as_script

    run_as_script(__file__)
