"""What does the residual stream say between the layers once it is translated into the last layer's terms?

The tuned lens (Belrose et al. 2023): one affine translator per depth, trained so that what is read there comes near the
model's own answer; the model stays as it is. Trained on prompts of the tasks' pools (or on a text), it is evaluated on
their test prompts beside the logit lens: divergence from the model's answer, loss on the token that follows, bias.

The trained lens stays in its folder; `workbench run logit-lens --lens FOLDER` reads with it, under masks too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workbench.batches import spans
from workbench.settings import PromptSettings

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go
    from torch import Tensor

    from workbench.internals.residual_streams import Passage
    from workbench.lenses import Lens, Readings
    from workbench.lenses.training import Source, Training
    from workbench.models.model import Model
    from workbench.runs.pages import Page
    from workbench.tasks.task import Task


@dataclass(frozen=True)
class Config(PromptSettings):
    """Settings of the tuned lens."""

    task: tuple[str, ...] = ("translate-en-fr",)
    """Tasks, as listed by `workbench tasks`: their pools train the lens, their test prompts evaluate it."""
    text: Path | None = None
    """Text file to train on instead of the tasks' prompts."""
    lens: Path | None = None
    """Folder of the lens: trained there if it is not yet, gone on with if it was stopped, used if it is finished. By
    default under runs/lenses, by model and settings."""
    steps: int = 250
    """Training steps."""
    passages: int = 4
    """Prompts (or stretches of text) read in each training step."""
    rows: int = 256
    """Positions of them that each training step learns from."""
    learning_rate: float = 2e-3
    """Of Adam; falls linearly to zero."""
    weight_decay: float = 1e-2
    """Towards the identity, where the translators start."""
    training_seed: int = 0
    """Of what is read in each training step."""
    examples: int = 5
    """Examples in the prompt."""
    seeds: tuple[int, ...] = (0,)
    """Seeds that the examples of the test prompts are drawn by."""
    positions: Literal["answer", "reference", "all"] = "reference"
    """Where the lenses are evaluated: the answer's position, the reference's tokens too, or the prompt's too."""


@dataclass(frozen=True)
class Cell:
    """The test prompts of one task, all seeds: the bias is of all of them together."""

    task: str


DRAWS = 200
"""Bootstrap replicates of the bias."""


def cells(config: Config) -> list[Cell]:
    """What can be measured apart. Refuses what cannot be used before a model is loaded."""
    from workbench.setting_checks import check_each_once, check_positive

    check_each_once(task=config.task, seeds=config.seeds)
    check_positive(batch_size=config.batch_size)
    _training(config).check()
    _ = _source(config).described
    for name in config.task:
        _task(config, name).limited(config.limit)
    return [Cell(name) for name in config.task]


def task_digest(config: Config, cell: Cell) -> str:
    """Hash of the data that a cell reads, and of what the lens is trained on."""
    return f"{_task(config, cell.task).digest} {_source(config).described}"


def measure(config: Config, cell: Cell, model: Model, progress: Callable[[int], object] | None = None) -> pd.DataFrame:
    """Train the lens if need be, then read the task's test prompts through both lenses.

    A row for each lens, depth, prompt and position; and one for each lens and depth with the bias, whose prompt is
    "all" and whose position is -1.
    """
    import pandas as pd
    import torch

    from workbench.internals.residual_streams import Passage, residual_streams
    from workbench.lenses import LogitLens
    from workbench.lenses.training import default_folder, recipe_of, trained_lens
    from workbench.prompt_sets import prompts_of

    source, training = _source(config), _training(config)
    folder = config.lens or default_folder(recipe_of(model, source, training))
    lens = trained_lens(model, source, training, folder, progress)
    task = _task(config, cell.task)
    items = task.limited(config.limit)
    passages: list[tuple[int, Passage]] = []
    parts = []
    # Passages of one seed share their context: a batch of two seeds would read it for each.
    for seed in config.seeds:
        prompts = prompts_of(model, task, items, format=config.format, examples=config.examples, seed=seed)
        own = [Passage.of(prompt, config.positions) for prompt in prompts]
        passages += [(seed, passage) for passage in own]
        for start, stop in spans(len(own), config.batch_size):
            ((_, streams),) = residual_streams(model, own[start:stop])
            parts.append(streams)
    streams = torch.cat(parts, dim=1)
    lenses: list[Lens] = [LogitLens(), lens]
    tables = [_evaluated(config, task, model, each, streams, passages) for each in lenses]
    trained_on = ", ".join(config.task) if config.text is None else config.text.name
    return pd.concat(tables, ignore_index=True).assign(trained_on=trained_on, lens_folder=str(folder))


def figures(table: pd.DataFrame) -> dict[str, go.Figure]:
    """For every task both lenses by depth: divergence from the answer, loss on the next token, bias, probability."""
    from workbench.views.lens_comparison import pictures

    return {name: picture.figure for name, picture in pictures(table).items()}


def page(table: pd.DataFrame, completions: pd.DataFrame) -> Page:
    """The report: both lenses beside each other."""
    from workbench.runs.pages import Page, model_names
    from workbench.views.lens_comparison import comparison_table, findings, pictures

    return Page(
        f"Tuned lens and logit lens on {model_names(table)}",
        list(pictures(table).values()),
        [comparison_table(table)],
        findings(table),
    )


def layer_profile(table: pd.DataFrame) -> pd.DataFrame:
    """By depth: how far what the tuned lens reads is from the model's own answer."""
    from workbench.statistics.lens_curves import compared_means

    means = compared_means(table)
    means = means[(means["lens"] == "tuned lens") & (means["quantity"] == "divergence_final")]
    profile = means.assign(quantity="divergence from the answer, tuned lens (nats)")
    return profile[["model", "task", "layer", "quantity", "value", "low", "high"]].reset_index(drop=True)


def _task(config: Config, name: str) -> Task:
    from workbench.prompt_sets import checked_task

    return checked_task(name, format=config.format, examples=config.examples, data=config.data)


def _training(config: Config) -> Training:
    from workbench.lenses.training import Training

    return Training(
        steps=config.steps,
        passages=config.passages,
        rows=config.rows,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        seed=config.training_seed,
    )


def _source(config: Config) -> Source:
    from workbench.lenses.sources import TaskPrompts, Text

    if config.text is not None:
        return Text(config.text)
    return TaskPrompts([_task(config, name) for name in config.task], config.format, config.examples)


def _evaluated(
    config: Config, task: Task, model: Model, lens: Lens, streams: Tensor, passages: list[tuple[int, Passage]]
) -> pd.DataFrame:
    """The rows of one lens."""
    import pandas as pd
    import torch

    from workbench.lenses import read
    from workbench.lenses.logit import check_last_depth, final_normalisation
    from workbench.lenses.table import reading_columns
    from workbench.lenses.token_groups import token_groups
    from workbench.prompt_sets import about

    following = [[token] for _, passage in passages for token in passage.next_tokens()]
    groups = token_groups(model, task)
    translated = lens.translated(streams)
    readings = read(model, translated, torch.tensor(following), groups=groups.members, others=streams[-1:])
    check_last_depth(model, streams, readings)
    where = pd.DataFrame(
        {"seed": seed, "prompt": passage.prompt.name, "position": position}
        | {"offset": position - len(passage.prompt.token_ids) + 1}
        for seed, passage in passages
        for position in passage.positions
    )
    parts = []
    for depth, columns in enumerate(reading_columns(model, readings, ["reference"], groups)):
        kept = columns.drop(columns=["top_tokens", "top_probabilities"])
        kept["cross_entropy"] = -kept["reference_log_probability"]
        parts.append(pd.concat([where.assign(layer=depth), kept], axis=1))
    table = pd.concat([*parts, _bias(model, translated, readings, where)], ignore_index=True)
    return table.assign(
        **about(model, task),
        format=config.format,
        examples=config.examples,
        positions=config.positions,
        lens=lens.name,
        normalisation=final_normalisation(model),
    )


def _bias(model: Model, streams: Tensor, readings: Readings, where: pd.DataFrame) -> pd.DataFrame:
    """The bias at each depth with its interval, a row each."""
    import numpy as np
    import pandas as pd

    from workbench.lenses.bias import marginal_divergence
    from workbench.random_streams import stream
    from workbench.statistics.resampling import percentile_interval, resampling_weights

    # A prompt that several seeds share is drawn for all of them.
    prompts, names = pd.factorize(where["prompt"])
    weights = resampling_weights(len(names), DRAWS, stream(0, "bias", *map(str, names)))
    everything = np.ones((1, len(names)))
    value, *replicates = marginal_divergence(
        model, streams, readings, prompts.tolist(), np.concatenate([everything, weights])
    )
    low, high = percentile_interval(np.stack(replicates))
    rows = pd.DataFrame({"layer": range(len(value)), "bias": value, "bias_low": low, "bias_high": high})
    return rows.assign(seed=-1, prompt="all", position=-1, offset=-1)


if __name__ == "__main__":
    from workbench.cli.run import run_as_script

    run_as_script(__file__)
