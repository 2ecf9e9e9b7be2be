"""Which attention heads can be gated off for a task, and does the score stay?

Paper A (Sia, Mueller and Duh 2024), gates on attention heads: every head's output is multiplied by a gate that is learned, the
model frozen, under a penalty for each head that stays open (hard-concrete gates; Louizos et al. 2018, Voita et al. 2019). All
gates begin at 1. They are trained on prompts without examples and on prompts with five, for each weight of the penalty, and
tested on both. The paper finds about a tenth of the heads shut, and no small set of specialists.

A gate at 0 is a head removed: measured by `head-ablation`, one by one, where here they go together.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workbench.settings import CompletionSettings, TaskSettings

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from workbench.gates.settings import Training
    from workbench.gates.training import Lessons, TrainedGates
    from workbench.learning.folder import TrainingFolder
    from workbench.models.model import Model
    from workbench.runs.pages import Page
    from workbench.scoring import Score
    from workbench.tasks.task import Task


@dataclass(frozen=True)
class Config(CompletionSettings, TaskSettings):
    """Settings of head gating."""

    task: tuple[str, ...] = ("translate-en-fr",)
    """Tasks that have items to train on: those of mini's languages, code and operators, and `flores:SOURCE-TARGET`."""
    test_tasks: tuple[str, ...] = ()
    """Further tasks that the gates of each task are tested on; the paper's are trained on English to French and tested on
    English to Portuguese too."""
    preset: Literal["mini", "paper"] = "mini"
    """How gates are trained: small settings for mini, or the paper's."""
    penalties: tuple[float, ...] = (0.1, 0.01, 0.001, 0.0001)
    """Weights of the penalty (lambda), in nats per token and open head, each a training of its own. 0 for no penalty."""
    training_examples: tuple[int, ...] = (0, 5)
    """Examples in the prompts of the training, each number a training of its own."""
    test_examples: tuple[int, ...] = (0, 5)
    """Examples in the prompts of the test."""
    format: str = "instr_task"
    """Prompt format of training and test; the paper's shows an instruction (instr_machine_translation for translation)."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of the training: of the items, their order, the examples shown and the draws of the gates."""
    test_seed: int = 0
    """Seed that the examples of the test prompts are drawn by."""
    training_items: int | None = None
    """Pairs to learn from; by default the preset's, as all that follows."""
    validation_items: int | None = None
    """Pairs of the task's pool that decide when training stops."""
    learning_rate: float | None = None
    """Of Adam."""
    training_batch: int | None = None
    """Pairs in each step."""
    epochs: int | None = None
    """Passes over the items, at most."""
    patience: int | None = None
    """Evaluations in a row without an improvement, after which training stops."""
    threshold: float | None = None
    """Fall of the loss on the validation items, penalty included, that counts as an improvement."""
    limit: int | None = 100
    scores: tuple[str, ...] | None = None
    """Scores; by default the task's own and the log-probability of the reference."""


@dataclass(frozen=True)
class Cell:
    """One training and its tests; without a penalty: the model without gates."""

    task: str
    seed: int
    training_examples: int = -1
    penalty: float | None = None


def cells(config: Config) -> list[Cell]:
    """What can be trained apart. Refuses what cannot be used before a model is loaded."""
    from workbench.errors import UserError
    from workbench.gates.training import check_penalty
    from workbench.setting_checks import check_data_folder, check_each_once, check_no_programs, check_positive
    from workbench.tasks.training_items import training_items

    names = ("task", "penalties", "training_examples", "test_examples", "seeds")
    check_each_once(**{name: getattr(config, name) for name in names})
    check_positive(batch_size=config.batch_size, max_new_tokens=config.max_new_tokens)
    check_data_folder(config.data)
    if "," in config.device:
        raise UserError(f"Device {config.device!r} names several: gates are trained on one, such as cuda:0.")
    for penalty in config.penalties:
        check_penalty(penalty)
    training = _training(config)
    for name in config.task:
        # First: what else a task lacks, such as data or leave to execute programs, would not help one that has none.
        training_items(name, training.training_items, seed=config.seeds[0], data=config.data)
        for examples in config.training_examples:
            _task(config, name, examples)
            _lessons(config, name, examples, ()).check()
        for tested in _tested(config, name):
            for examples in config.test_examples:
                task = _task(config, tested, examples)
                task.limited(config.limit)
                check_no_programs("head-gates", tested, config.scores or [task.score])
                _scores(config, task)
    return [
        cell
        for name in config.task
        for cell in (
            Cell(name, config.seeds[0]),
            *(
                Cell(name, seed, examples, penalty)
                for seed in config.seeds
                for examples in config.training_examples
                for penalty in config.penalties
            ),
        )
    ]


def task_digest(config: Config, cell: Cell) -> str:
    """Hash of the data that a cell reads."""
    return " ".join(_task(config, name, 0).digest for name in _tested(config, cell.task))


def signatures(config: Config) -> dict[str, str]:
    """How the scores are made, by their names."""
    tasks = [_task(config, tested, 0) for name in config.task for tested in _tested(config, name)]
    return {score.name: score.signature for task in tasks for score in _scores(config, task) if score.signature}


def measure(
    config: Config,
    cell: Cell,
    model: Model,
    progress: Callable[[int], object] | None = None,
    folder: Path | None = None,
) -> pd.DataFrame:
    """Train the cell's gates (or load those that `folder` has), then answer the test prompts.

    Three sorts of rows, told apart by `what`: `answer` (a test prompt), `gate` (a head) and `evaluation` (of a training on its
    way). Gates are kept under `folder`; without one they are not kept.
    """
    import pandas as pd

    constant: dict[str, Any] = {
        "model": model.name,
        "n_layers": model.n_layers,
        "n_heads": model.n_heads,
        "trained_on": cell.task,
        "preset": config.preset,
        "training_examples": cell.training_examples,
        "penalty": "" if cell.penalty is None else f"{cell.penalty:g}",
        "seed": cell.seed,
    }
    measured, tables = model, []
    if cell.penalty is not None:
        from workbench.gates.gated import gated_model

        found = _trained(config, cell, model, cell.penalty, progress, folder)
        measured = gated_model(model, found.gates)
        tables = [_gate_rows(found), _evaluation_rows(found)]
    answers = [
        _answers(config, measured, name, examples)
        for name in _tested(config, cell.task)
        for examples in config.test_examples
    ]
    table = pd.concat([*answers, *tables], ignore_index=True).assign(**constant)
    whole = {"layer": -1, "head": -1, "step": -1, "off": -1, "kept": -1, "examples": -1}
    texts = dict.fromkeys(("task", "kind", "format", "prompt"), "")
    table = table.reindex(columns=[*table.columns, *(name for name in whole if name not in table)])
    return table.fillna({**whole, **texts}).astype(dict.fromkeys(whole, "int64"))


def figures(table: pd.DataFrame) -> dict[str, go.Figure]:
    """For every task trained on: the gates as maps, the scores and heads off by penalty, the losses by step."""
    from workbench.views.gate_trainings import trainings
    from workbench.views.gates import gate_pictures

    return {picture.name: picture.figure for picture in gate_pictures(trainings(table))}


def page(table: pd.DataFrame, completions: pd.DataFrame) -> Page:
    """The report: the gates, the scores before and after, how each training went."""
    from workbench.runs.pages import Page, model_names
    from workbench.views.gate_trainings import trainings
    from workbench.views.gates import gate_findings, gate_pictures, gate_table

    found = trainings(table)
    return Page(f"Head gates of {model_names(table)}", gate_pictures(found), [gate_table(found)], gate_findings(found))


def layer_profile(table: pd.DataFrame) -> pd.DataFrame:
    """For the overview: the share of each layer's heads that are shut."""
    from workbench.views.gate_trainings import trainings
    from workbench.views.gates import gate_profile

    return gate_profile(trainings(table))


def _training(config: Config) -> Training:
    """The preset with the settings' changes."""
    from workbench.gates.settings import PRESETS
    from workbench.learning.presets import training_named

    names = ("training_items", "validation_items", "learning_rate", "training_batch", "epochs", "patience", "threshold")
    return training_named(PRESETS, config.preset, {name: getattr(config, name) for name in names})


def _tested(config: Config, name: str) -> tuple[str, ...]:
    """The task trained on, and the others."""
    return tuple(dict.fromkeys((name, *config.test_tasks)))


def _task(config: Config, name: str, examples: int) -> Task:
    from workbench.prompt_sets import checked_task

    return checked_task(
        name, format=config.format, examples=examples, data=config.data, max_new_tokens=config.max_new_tokens
    )


def _scores(config: Config, task: Task) -> list[Score]:
    from workbench.scoring import scores_for

    return scores_for(task, config.scores or (task.score, "log_probability"))


def _lessons(config: Config, name: str, examples: int, items: tuple[Any, ...]) -> Lessons:
    from workbench.gates.training import Lessons

    task = _task(config, name, examples)
    return Lessons(task, items, config.format, examples, _training(config).validation_items)


def _trained(
    config: Config,
    cell: Cell,
    model: Model,
    penalty: float,
    progress: Callable[[int], object] | None,
    folder: Path | None,
) -> TrainedGates:
    """The cell's gates."""
    from workbench.gates.training import train_gates
    from workbench.tasks.training_items import training_items

    training = _training(config)
    kept = None if folder is None else _folder(config, cell, model, folder)
    if kept is not None:
        kept.claim()
    items = training_items(cell.task, training.training_items, seed=cell.seed, data=config.data)
    lessons = _lessons(config, cell.task, cell.training_examples, items)
    return train_gates(model, lessons, training, penalty, seed=cell.seed, folder=kept, progress=progress)


def _folder(config: Config, cell: Cell, model: Model, folder: Path) -> TrainingFolder:
    """Where the gates of a cell lie, with everything that they depend on."""
    from dataclasses import asdict

    from workbench.learning.folder import TrainingFolder
    from workbench.runs.provenance import versions

    task = _task(config, cell.task, cell.training_examples)
    recipe: dict[str, Any] = {"preset": config.preset, **asdict(_training(config)), "penalty": cell.penalty}
    recipe |= {"examples": cell.training_examples, "seed": cell.seed, "format": config.format}
    recipe |= {"task": f"{task.name} {task.digest}", "model": f"{model.name} {model.digest}", "dtype": config.dtype}
    name = f"{cell.task}.{cell.training_examples}-examples.penalty-{cell.penalty:g}.seed-{cell.seed}"
    path = folder / "gates" / re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    return TrainingFolder(path, recipe, versions(Path(__file__)))


def _answers(config: Config, model: Model, name: str, examples: int) -> pd.DataFrame:
    """The test prompts of a task: statistics of the scores, and the texts."""
    import pandas as pd

    from workbench.interventions import Clean
    from workbench.prompt_sets import prompts_of
    from workbench.scoring.rows import scored_row
    from workbench.sweep import sweep

    task = _task(config, name, examples)
    items = task.limited(config.limit)
    prompts = prompts_of(model, task, items, format=config.format, examples=examples, seed=config.test_seed)
    outcomes = sweep(model, prompts, [Clean()], batch_size=config.batch_size)
    scores = _scores(config, task)
    rows = [scored_row(prompt, outcome, outcome, scores) for prompt, outcome in zip(prompts, outcomes, strict=True)]
    return pd.DataFrame(rows).assign(
        what="answer", task=task.name, kind=task.kind, format=config.format, examples=examples
    )


def _gate_rows(found: TrainedGates) -> pd.DataFrame:
    """A row for each head: its gate at rest, and the probability that it is open."""
    import pandas as pd

    from workbench.gates.hard_concrete import open_probability

    likely = open_probability(found.location)
    return pd.DataFrame(
        {
            "what": "gate",
            "layer": layer,
            "head": head,
            "gate": float(gate),
            "open_probability": float(likely[layer, head]),
        }
        for layer, heads in enumerate(found.gates)
        for head, gate in enumerate(heads)
    )


def _evaluation_rows(found: TrainedGates) -> pd.DataFrame:
    """A row for each evaluation of the training, the untrained gates' first."""
    import pandas as pd

    untrained = {"step": 0, "validation_loss": found.fitted.untrained_loss, "off": 0}
    rows = pd.DataFrame([untrained, *found.fitted.history])
    return rows.assign(what="evaluation", kept=(rows["step"] == found.fitted.kept_step).astype("int64"))


if __name__ == "__main__":
    from workbench.cli.run import run_as_script

    run_as_script(__file__)
