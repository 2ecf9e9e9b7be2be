"""What would the model answer if it ended after each layer, and what does hiding the context take away from that?

The logit lens (nostalgebraist 2020; Belrose et al. 2023, section 2): the final normalisation and the unembedding read
the residual stream between the layers. Read so at the position of the answer, with and without masks, it shows at which
depth the answer's language or word class appears, at which the answer itself, and which of them need the context.

Depth l is what enters layer l; depth `n_layers` is what the last layer leaves, the model's own answer. A mask from
layer r on changes nothing up to depth r.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workbench.batches import Batch, batches
from workbench.settings import PromptSettings

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go
    from torch import Tensor

    from workbench.internals.residual_streams import Passage
    from workbench.interventions import ContextMask
    from workbench.lenses import Lens, Readings
    from workbench.lenses.token_groups import TokenGroups
    from workbench.models.model import Model
    from workbench.prompts import Prompt
    from workbench.runs.pages import Page
    from workbench.tasks.task import Task


@dataclass(frozen=True)
class Config(PromptSettings):
    """Settings of the logit lens."""

    masks: tuple[str, ...] = ("TTF",)
    """What is hidden: T or F for instructions, examples and query (TTF), or mask_all; FFF reads the unmasked run alone."""
    layers: tuple[int, ...] | None = None
    """First layers from which the context is hidden; all if left out. The unmasked run is always read."""
    positions: Literal["answer", "reference", "all"] = "answer"
    """Where it is read: at the position of the answer, at those of the reference's tokens too, or of the prompt's too."""
    tokens: tuple[str, ...] = ()
    """Tokens whose rank and probability are wanted besides, with the spaces that belong to them: "le "."""
    best: int = 5
    """How many of the most probable tokens are kept."""
    lens: Path | None = None
    """Folder of a lens that `workbench run tuned-lens` trained; the logit lens if left out."""
    keep_bos: bool | None = None
    """Whether the beginning-of-sequence token stays visible; by default except under mask_all."""


def cells(config: Config) -> list[Batch]:
    """What can be measured apart. Refuses unknown tasks, formats and masks before a model is loaded."""
    from workbench.interventions import ContextMask
    from workbench.lenses.tuned import lens_config
    from workbench.setting_checks import check_each_once, check_positive

    check_positive(batch_size=config.batch_size, number_of_best_tokens=config.best)
    check_each_once(task=config.task, seeds=config.seeds, masks=config.masks)
    for mask in config.masks:
        ContextMask.named(mask, 0)
    if config.lens is not None:
        lens_config(config.lens)
    totals = {name: len(_task(config, name).limited(config.limit)) for name in config.task}
    return batches(totals, config.seeds, config.batch_size)


def task_digest(config: Config, cell: Batch) -> str:
    """Hash of the data that a cell reads, and of the lens that it is read with."""
    from workbench.lenses.tuned import WEIGHTS
    from workbench.runs.files import sha256

    lens = "" if config.lens is None else sha256(config.lens / WEIGHTS)
    return _task(config, cell.task).digest + lens


def measure(config: Config, cell: Batch, model: Model, progress: Callable[[int], object] | None = None) -> pd.DataFrame:
    """Read one batch: a row for each mask, first layer hidden, depth, prompt and position."""
    import pandas as pd

    from workbench.internals.residual_streams import Passage, residual_streams
    from workbench.interventions import Clean
    from workbench.lenses.token_groups import token_groups
    from workbench.prompt_sets import prompts_of

    task = _task(config, cell.task)
    items = task.test[cell.start : cell.stop]
    prompts = prompts_of(model, task, items, format=config.format, examples=config.examples, seed=cell.seed)
    passages = [Passage.of(prompt, config.positions) for prompt in prompts]
    reader = _Reader(config, task, model, passages, token_groups(model, task))
    masks = _masks(config, model.n_layers)
    tables = []
    for index, streams in residual_streams(model, passages, [Clean(), *masks]):
        if index == 0:
            clean = reader.read(streams)
            tables += [reader.rows(clean, mask, model.n_layers) for mask in config.masks]
        else:
            tables.append(reader.rows(reader.read(streams), masks[index - 1].name, masks[index - 1].from_layer))
    if progress is not None:
        progress(len(prompts))
    whole = pd.concat(tables, ignore_index=True)
    return whole.assign(seed=cell.seed, format=config.format, examples=config.examples)


def figures(table: pd.DataFrame) -> dict[str, go.Figure]:
    """For every task: what is read at each depth, the most probable tokens, and what each mask takes away."""
    from workbench.views.lens import pictures

    return {name: picture.figure for name, picture in pictures(table).items()}


def page(table: pd.DataFrame, completions: pd.DataFrame) -> Page:
    """The report: what is read without masks, then under them, and the numbers by depth."""
    from workbench.runs.pages import Page, model_names
    from workbench.views.lens import pictures
    from workbench.views.lens_words import depth_table, findings

    name = str(table["lens"].iloc[0])
    return Page(
        f"The {name} on {model_names(table)}",
        list(pictures(table).values()),
        [depth_table(table)],
        findings(table),
    )


def layer_profile(table: pd.DataFrame) -> pd.DataFrame:
    """By depth and without masks: rank of the answer, probability of its group of words, settled first choices."""
    from workbench.statistics.lens_curves import lens_means, unmasked

    wanted = {
        "reference_rank": "rank of the answer, {} (1 = first)",
        "answer_group": "words like the answer, {} (% probability)",
        "settled": "first choice settled, {} (% of prompts)",
    }
    means = unmasked(lens_means(table))
    means = means[means["quantity"].isin(list(wanted))]
    per_cent = means["quantity"].ne("reference_rank").map({True: 100.0, False: 1.0})
    names = [wanted[name].format(lens) for name, lens in zip(means["quantity"], means["lens"], strict=True)]
    scaled = {end: means[end] * per_cent for end in ("value", "low", "high")}
    profile = means.assign(quantity=names, **scaled)
    return profile[["model", "task", "layer", "quantity", "value", "low", "high"]].reset_index(drop=True)


def _task(config: Config, name: str) -> Task:
    from workbench.prompt_sets import checked_task

    return checked_task(name, format=config.format, examples=config.examples, data=config.data)


def _masks(config: Config, n_layers: int) -> list[ContextMask]:
    """The masks that change something, from every layer wanted."""
    from workbench.interventions import ContextMask
    from workbench.interventions.conditions import check_layers

    layers = tuple(range(n_layers)) if config.layers is None else config.layers
    check_layers(layers, n_layers)
    named = [
        ContextMask.named(mask, layer, keep_bos=config.keep_bos)
        for mask in config.masks
        for layer in sorted(set(layers) - {n_layers})
    ]
    return [mask for mask in named if mask.hidden]


class _Reader:
    """Reads the streams of one batch and makes rows of what they say."""

    def __init__(self, config: Config, task: Task, model: Model, passages: list[Passage], groups: TokenGroups) -> None:
        import torch

        from workbench.lenses import LogitLens, TunedLens
        from workbench.lenses.logit import final_normalisation
        from workbench.lenses.token_labels import named_tokens

        self.config, self.task, self.model, self.passages, self.groups = config, task, model, passages, groups
        self.lens: Lens = LogitLens() if config.lens is None else TunedLens.load(config.lens, model)
        self.normalisation = final_normalisation(model)
        self.named = named_tokens(model, config.tokens)
        asked = [
            (following, _copied(passage.prompt), *self.named.values())
            for passage in passages
            for following in passage.next_tokens()
        ]
        self.asked: Tensor = torch.tensor(asked, dtype=torch.long)
        self.unmasked: Tensor | None = None

    def read(self, streams: Tensor) -> Readings:
        """What the streams say, compared with their own last depth and with the unmasked run's; that comes first."""
        import torch

        from workbench.lenses import check_last_depth, read

        first = self.unmasked is None
        if self.unmasked is None:
            self.unmasked = streams[-1]
        readings = read(
            self.model,
            self.lens.translated(streams),
            self.asked,
            groups=self.groups.members,
            others=torch.stack([streams[-1], self.unmasked]),
            best=self.config.best,
        )
        if first:
            check_last_depth(self.model, streams, readings)
        return readings

    def rows(self, readings: Readings, mask: str, from_layer: int) -> pd.DataFrame:
        """A row for each depth and position."""
        import pandas as pd

        from workbench.lenses.table import reading_columns

        depths = readings.rank.shape[0]
        where = pd.DataFrame([row for passage in self.passages for row in _places(self.model, passage)])
        labels = ["reference", "copied", *self.named]
        parts = []
        for depth, columns in enumerate(reading_columns(self.model, readings, labels, self.groups)):
            parts.append(pd.concat([where.assign(layer=depth), columns], axis=1))
        return pd.concat(parts, ignore_index=True).assign(
            model=self.model.name,
            n_layers=depths - 1,
            task=self.task.name,
            kind=self.task.kind,
            lens=self.lens.name,
            normalisation=self.normalisation,
            mask=mask,
            from_layer=from_layer,
            answer_group_name=self.groups.answer,
            source_group_name=self.groups.source,
        )


def _copied(prompt: Prompt) -> int:
    """The token with which an answer begins that copies the source."""
    return prompt.token_ids[prompt.positions("query.source")[0]]


def _places(model: Model, passage: Passage) -> list[dict[str, Any]]:
    """What each wanted position of a passage is; `offset` counts from the position of the answer."""
    from workbench.lenses.token_labels import token_label

    answer = len(passage.prompt.token_ids) - 1
    copied = token_label(model, _copied(passage.prompt))
    return [
        {
            "prompt": passage.prompt.name,
            "query": passage.prompt.source,
            "answer": passage.prompt.reference,
            "position": position,
            "offset": position - answer,
            "token": token_label(model, passage.token_ids[position]),
            "next_token": token_label(model, following),
            "copied_token": copied,
        }
        for position, following in zip(passage.positions, passage.next_tokens(), strict=True)
    ]


if __name__ == "__main__":
    from workbench.cli.run import run_as_script

    run_as_script(__file__)
