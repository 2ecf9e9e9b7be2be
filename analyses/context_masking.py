"""What of the prompt does each layer still need: the examples, the instruction, the query, or all of it?

Paper A (Sia, Mueller and Duh 2024), layer-from context masking, with every mask of its main figure: examples hidden
from a prompt with and without an instruction, instruction and examples hidden, the query hidden, everything hidden; and
of its code's further masks the instruction alone hidden, and `mask_all`, under which every position sees itself alone.
One figure for each model and direction, as the paper draws it, with the recognition layer of every curve.
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

    from workbench.masking.mask_rows import MaskCurve
    from workbench.models.model import Model
    from workbench.runs.pages import Page
    from workbench.scoring import Score
    from workbench.statistics.curves import Summary
    from workbench.tasks.task import Task
    from workbench.views.report import Picture


@dataclass(frozen=True)
class Config(MaskSettings, RecognitionSettings, EngineSettings, ProgramSettings, TaskSettings):
    """Settings of the masking."""

    task: tuple[str, ...] = ("translate-en-fr", "translate-fr-en")
    masks: tuple[str, ...] = ("TTF", "FTF", "FFT", "TTT", "TFF", "mask_all")
    """What is hidden of prompts with an instruction: T or F for instructions, examples and query, or mask_all. The paper
    plots the first four."""
    plain_masks: tuple[str, ...] = ("FTF",)
    """The same for prompts without an instruction."""
    instruction_format: str = "instr_task"
    """Prompt format of those with an instruction; instr_machine_translation and instr_code_gen are the paper's."""
    plain_format: str = "instr_none_QA"
    """Prompt format of those without."""
    examples: int = 5
    """Examples in the prompt, drawn once per seed for the whole test set."""
    seeds: tuple[int, ...] = (0, 1)
    layers: tuple[int, ...] | None = None
    """First layers from which something is hidden; all if left out. 0 and the ceiling are always measured."""
    published: str | None = None
    """Model whose published curves are drawn behind the BLEU curves: Llama-3.1-8B or Llama-3.1-8B-Instruct."""


Shown = Literal["both", "examples", "instruction"]


@dataclass(frozen=True)
class Cell:
    """One batch of prompts of one task, kind of prompt and seed, under all its masks, which share work."""

    task: str
    prompt: Shown
    """What it shows: instruction and examples, examples alone, or the instruction alone (nothing is hidden of that)."""
    seed: int
    start: int
    stop: int


SUMMARY_ONLY = ("fraction", "relative_to", "published")
"""Settings that change no measurement, only what is read off it."""


def cells(config: Config) -> list[Cell]:
    """What can be measured apart. Refuses unknown tasks, formats and masks before a model is loaded."""
    from workbench import setting_checks as checks
    from workbench.interventions import ContextMask
    from workbench.published import curves_behind

    checks.check_positive(
        batch_size=config.batch_size, max_new_tokens=config.max_new_tokens, number_of_examples=config.examples
    )
    checks.check_fraction(config.fraction)
    checks.check_data_folder(config.data)
    checks.check_each_once(task=config.task, seeds=config.seeds, masks=config.masks)
    if config.plain_masks:
        checks.check_each_once(plain_masks=config.plain_masks)
    for mask in (*config.masks, *config.plain_masks):
        ContextMask.named(mask, 0)
    curves_behind(config.published)
    found = []
    for name in config.task:
        for prompt in _prompts_shown(config):
            task = _task(config, name, prompt)
            _scores(config, task)
            total = len(task.limited(config.limit))
            # Without examples there is nothing that a seed would draw.
            seeds = config.seeds if prompt != "instruction" else config.seeds[:1]
            found += [Cell(name, prompt, seed, *span) for seed in seeds for span in spans(total, config.batch_size)]
    return found


def task_digest(config: Config, cell: Cell) -> str:
    """Hash of the data that a cell reads."""
    return _task(config, cell.task, cell.prompt).digest


def signatures(config: Config) -> dict[str, str]:
    """How the scores are made, by their names."""
    tasks = (_task(config, name, "both") for name in config.task)
    return {score.name: score.signature for task in tasks for score in _scores(config, task) if score.signature}


def measure(config: Config, cell: Cell, model: Model, progress: Callable[[int], object] | None = None) -> pd.DataFrame:
    """Run one batch: every mask from every layer, each prompt's statistics and completion a row."""
    from workbench.masking.mask_rows import mask_rows
    from workbench.prompt_sets import about, prompts_of

    task = _task(config, cell.task, cell.prompt)
    asked = {**_shown(config, cell.prompt), "seed": cell.seed}
    return mask_rows(
        model,
        prompts_of(model, task, task.test[cell.start : cell.stop], **asked),
        _curves(config, cell.prompt, model.n_layers),
        _scores(config, task),
        {**about(model, task), **asked},
        batch_size=config.batch_size,
        engine=config.engine,
        progress=progress,
    )


def layer_profile(table: pd.DataFrame) -> pd.DataFrame:
    """For the overview: how much of each task's score is there when a part of the prompt is hidden from each layer on."""
    from workbench.statistics.curves import summarise_run
    from workbench.views.context_masking import profile

    return profile(summarise_run(table))


def figures(table: pd.DataFrame) -> dict[str, go.Figure]:
    """For every model, task and score, the curves of all masks and where each is recognised."""
    from workbench.statistics.curves import summarise_run

    return {picture.name: picture.figure for picture in _pictures(table, summarise_run(table))}


def page(table: pd.DataFrame, completions: pd.DataFrame) -> Page:
    """The report: one picture for each task by its own score, then the other scores; every recognition layer in a table."""
    from workbench.runs.pages import Page, model_names
    from workbench.statistics.curves import summarise_run
    from workbench.views.context_masking import masked, recognition_tables
    from workbench.views.masking_notes import notes
    from workbench.views.passing import passing

    summary = summarise_run(table)
    passing_pictures, passing_tables = passing(table)
    return Page(
        f"What each layer of {model_names(table)} still needs of the prompt",
        [*_pictures(table, summary), *passing_pictures],
        [*recognition_tables(summary), *passing_tables],
        notes(table),
        masked(summary.recognition),
    )


def _pictures(table: pd.DataFrame, summary: Summary) -> list[Picture]:
    from workbench.published import curves_behind
    from workbench.views.context_masking import pictures

    behind = curves_behind(table.attrs.get("settings", {}).get("published"))
    return pictures(summary, table if "completion" in table else None, behind)


def _prompts_shown(config: Config) -> list[Shown]:
    return ["both", "examples", "instruction"] if config.plain_masks else ["both", "instruction"]


def _shown(config: Config, prompt: Shown) -> dict[str, Any]:
    """Format and number of examples of a kind of prompt."""
    return {
        "format": config.plain_format if prompt == "examples" else config.instruction_format,
        "examples": 0 if prompt == "instruction" else config.examples,
    }


def _curves(config: Config, prompt: Shown, n_layers: int) -> list[MaskCurve]:
    from workbench.masking.mask_rows import MaskCurve, every_layer

    if prompt == "instruction":
        return [MaskCurve("FFF", ())]
    masks = config.masks if prompt == "both" else config.plain_masks
    layers = every_layer(n_layers, config.layers)
    return [MaskCurve(mask, layers, config.keep_bos, config.renormalise) for mask in masks]


def _task(config: Config, name: str, prompt: Shown) -> Task:
    from workbench.prompt_sets import checked_task

    return checked_task(name, **_shown(config, prompt), data=config.data, max_new_tokens=config.max_new_tokens)


def _scores(config: Config, task: Task) -> list[Score]:
    from workbench.scoring import scores_for

    return scores_for(task, config.scores or (), allow_code_execution=config.allow_code_execution)


if __name__ == "__main__":
    from workbench.cli.run import run_as_script

    run_as_script(__file__)
