"""How much does a prompt cost when its context is dropped from a layer on, and how much of the score is kept?

Paper A (Sia, Mueller and Duh 2024, section on inference efficiency) puts the saving at (L - r)/L x k/(k + 1) for L
layers, k examples and a context that is no longer needed from layer r on. Here the context is really left out: never
computed above layer r, its keys and values there never stored. The formula stands beside the floating-point operations
counted, the time of reading the prompt and of decoding, and the key/value memory, each against the same prompts with
their context in all layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.settings import ModelSettings

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from workbench.masking.savings import Times
    from workbench.models.model import Model
    from workbench.prompts import Prompt
    from workbench.runs.pages import Page
    from workbench.tasks.task import Task


@dataclass(frozen=True)
class Config(ModelSettings):
    """Settings of the measurement."""

    task: tuple[str, ...] = ("translate-en-fr",)
    """Tasks, as listed by `workbench tasks`."""
    format: str = "instr_none_QA"
    """Prompt format."""
    examples: tuple[int, ...] = (1, 3, 5, 10)
    """Numbers of examples in the prompt."""
    layers: tuple[int, ...] | None = None
    """Layers from which the context is dropped; all if left out. Keeping it everywhere is always measured."""
    recognition: Path | None = None
    """Folder of a finished task-recognition run of the same model: the layer that it found for each task is measured in any
    case, and what dropping the context from there saves is the run's finding."""
    seed: int = 0
    """Seed that the examples are drawn by."""
    limit: int = 8
    """Test prompts, from the first, read one by one."""
    repeats: int = 3
    """Runs of each, alternating with all others; times are medians."""
    data: Path | None = None
    """Folder of the data set, for tasks that read one."""
    max_new_tokens: int | None = None
    """Longest completion in tokens; by default the task's own."""


@dataclass(frozen=True)
class Cell:
    """One task with one number of examples, under every layer."""

    task: str
    examples: int


def cells(config: Config) -> list[Cell]:
    """What can be measured apart. Refuses unknown tasks and formats, and tasks scored by pass@1, before a model is loaded."""
    from workbench.errors import UserError
    from workbench.setting_checks import check_no_programs

    if config.limit < 1 or config.repeats < 1:
        raise UserError(f"limit is {config.limit} and repeats {config.repeats}; give 1 or more of each.")
    if not config.examples or min(config.examples) < 1:
        raise UserError("There is no context to drop without examples: give numbers of examples from 1.")
    found = [Cell(task, examples) for task in config.task for examples in config.examples]
    for cell in found:
        task = _task(config, cell)
        task.limited(config.limit)
        # Its only score is the task's own, computed after all timings of a cell.
        check_no_programs("compute-savings", cell.task, [task.score])
    return found


def task_digest(config: Config, cell: Cell) -> str:
    """Hash of the data that a cell reads."""
    digest = _task(config, cell).digest
    if config.recognition is None:
        return digest
    from hashlib import sha256

    from workbench.runs.folder import MEASUREMENTS, RunFolder

    measured = (RunFolder.existing(config.recognition).path / MEASUREMENTS).read_bytes()
    return sha256(digest.encode() + measured).hexdigest()


def measure(config: Config, cell: Cell, model: Model, progress: Callable[[int], object] | None = None) -> pd.DataFrame:
    """Read and complete the prompts with the context kept, and dropped from every layer on: a row for each layer."""
    import pandas as pd

    from workbench.interventions.conditions import check_layers
    from workbench.masking.savings import counted, formula, recognised_layer, times
    from workbench.prompt_sets import about, prompts_of
    from workbench.sweep.generation import generate

    task = _task(config, cell)
    items = task.limited(config.limit)
    prompts = prompts_of(model, task, items, format=config.format, examples=cell.examples, seed=config.seed)
    layers = tuple(range(model.n_layers)) if config.layers is None else config.layers
    check_layers(layers, model.n_layers)
    found: dict[str, int] = {}
    if config.recognition is not None:
        found["recognition_layer"] = recognised_layer(config.recognition, model.name, task.name, task.score)
    wanted = [*sorted({*layers, *found.values()} - {model.n_layers}), None]
    generate(model, prompts[:1])  # The first run pays for what later ones find ready.
    # Alternated, so that a slow minute of the machine slows all of them.
    runs: dict[int | None, list[Times]] = {layer: [] for layer in wanted}
    for _ in range(config.repeats):
        for layer in wanted:
            runs[layer].append(times(model, prompts, layer))
            if progress is not None:
                progress(len(prompts))
    rows = []
    for layer in wanted:
        place = model.n_layers if layer is None else layer
        saving = formula(model.n_layers, place, cell.examples)
        rows.append(
            {
                "context_until": place,
                "formula": saving,
                **_medians(runs[layer]),
                **asdict(counted(model, prompts, layer)),
                **_kept(task, prompts, runs[layer]),
            }
        )
    return pd.DataFrame(rows).assign(
        **about(model, task),
        format=config.format,
        examples=cell.examples,
        seed=config.seed,
        n=len(prompts),
        score=task.score,
        **found,
    )


def figures(table: pd.DataFrame) -> dict[str, go.Figure]:
    """For every task and number of examples: each cost, and the score, as shares of those with the context kept."""
    from workbench.views.savings import pictures

    return {picture.name: picture.figure for picture in pictures(table)}


def page(table: pd.DataFrame, completions: pd.DataFrame) -> Page:
    """The report: the curves, and every number in a table."""
    from workbench.runs.pages import Page, model_names
    from workbench.views.savings import findings, pictures, savings_table

    return Page(
        f"What dropping the context saves in {model_names(table)}",
        pictures(table),
        [savings_table(table)],
        findings(table),
    )


def _medians(runs: list[Times]) -> dict[str, float]:
    from statistics import median

    names = ("reading_seconds", "decoding_seconds")
    return {name: float(median(getattr(run, name) for run in runs)) for name in names}


def _kept(task: Task, prompts: list[Prompt], runs: list[Times]) -> dict[str, float]:
    """The task's score of the completions."""
    import numpy as np

    from workbench.scoring import score_named
    from workbench.scoring.rows import scored_row

    score = score_named(task.score, task.target_language)
    rows = [
        scored_row(prompt, outcome, outcome, [score])[score.name]
        for prompt, outcome in zip(prompts, runs[0].outcomes, strict=True)
    ]
    return {"score_value": float(score.aggregate(np.array(rows).sum(0)))}


def _task(config: Config, cell: Cell) -> Task:
    from workbench.prompt_sets import checked_task

    return checked_task(
        cell.task,
        format=config.format,
        examples=cell.examples,
        data=config.data,
        max_new_tokens=config.max_new_tokens,
    )


if __name__ == "__main__":
    from workbench.cli.run import run_as_script

    run_as_script(__file__)
