"""What does each part of the model add to the logit of the answer?

Direct logit attribution: the residual stream at the position of the answer is the sum of what the embedding, every
head, every feed-forward and the biases wrote; with the final normalisation's scale held as it was, each has a share of
the logit of the answer's first token, and the shares add up to the logit. Only the direct way is counted: a head that
another head reads from shows in head-ablation and activation-patching, not here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from workbench.batches import Batch, batches
from workbench.settings import PromptSettings

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from workbench.internals.attribution import Attribution
    from workbench.models.model import Model
    from workbench.runs.pages import Page
    from workbench.tasks.task import Task


@dataclass(frozen=True)
class Config(PromptSettings):
    """Settings of the attribution."""

    contrast: Literal["none", "mean", "runner-up", "copied"] = "mean"
    """What the answer's logit is compared with: nothing, the mean over the vocabulary, the most probable other token, or
    the first token of the source, copied."""
    batch_size: int = 25
    dtype: Literal["float32", "float64", "bfloat16", "float16"] = "float32"
    """Number format of the weights and of the computation; the shares are computed in float64."""


def cells(config: Config) -> list[Batch]:
    """What can be measured apart. Refuses settings that cannot be used before a model is loaded."""
    from workbench.setting_checks import check_each_once, check_positive

    check_positive(batch_size=config.batch_size)
    check_each_once(task=config.task, seeds=config.seeds)
    totals = {name: len(_task(config, name).limited(config.limit)) for name in config.task}
    return batches(totals, config.seeds, config.batch_size)


def task_digest(config: Config, cell: Batch) -> str:
    """Hash of the data that a cell reads."""
    return _task(config, cell.task).digest


def measure(config: Config, cell: Batch, model: Model, progress: Callable[[int], object] | None = None) -> pd.DataFrame:
    """Attribute one batch: a row for each prompt and part, with its share of the logit."""
    import pandas as pd

    from workbench.internals.attribution import attributions, softcap_of
    from workbench.lenses.logit import final_normalisation
    from workbench.prompt_sets import about, prompts_of

    task = _task(config, cell.task)
    items = task.test[cell.start : cell.stop]
    prompts = prompts_of(model, task, items, format=config.format, examples=config.examples, seed=cell.seed)
    found = attributions(model, prompts, config.contrast)
    rows = [row for number, prompt in enumerate(prompts) for row in _rows(found, number, prompt.name)]
    if progress is not None:
        progress(len(prompts))
    return pd.DataFrame(rows).assign(
        **about(model, task),
        format=config.format,
        examples=config.examples,
        seed=cell.seed,
        contrast=config.contrast,
        normalisation=final_normalisation(model),
        softcap=str(softcap_of(model)),
    )


def figures(table: pd.DataFrame) -> dict[str, go.Figure]:
    """For every task: shares by layer with the sum so far, and every head's share."""
    from workbench.views.attribution import pictures

    return {picture.name: picture.figure for picture in pictures(table)}


def page(table: pd.DataFrame, completions: pd.DataFrame) -> Page:
    """The report: the pictures, which parts add most, every part in a table."""
    from workbench.runs.pages import Page, model_names
    from workbench.views.attribution import findings, part_table, pictures

    return Page(
        f"What each part of {model_names(table)} adds to the answer",
        pictures(table),
        [part_table(table)],
        findings(table),
    )


def layer_profile(table: pd.DataFrame) -> pd.DataFrame:
    """For the overview: what attention and feed-forward of each layer add to the answer's logit."""
    from workbench.views.attribution import attribution_profile

    return attribution_profile(table)


def _rows(found: Attribution, number: int, prompt: str) -> list[dict[str, Any]]:
    """Every part of one prompt. Heads and biases are parts of their sub-layers."""
    scale = float(found.scale[number])
    whole = {"embedding": found.embedding, "final bias": found.final_bias, "logit": found.logit}
    parts: list[tuple[str, int, int, Any]] = [(part, -1, -1, values[number]) for part, values in whole.items()]
    for layer in range(found.heads.shape[1]):
        by_layer = {
            "attention": found.attention,
            "attention bias": found.attention_bias,
            "feed-forward": found.feed_forward,
            "feed-forward bias": found.feed_forward_bias,
        }
        parts += [(part, layer, -1, values[number, layer]) for part, values in by_layer.items()]
        parts += [("head", layer, head, value) for head, value in enumerate(found.heads[number, layer])]
    return [
        {"prompt": prompt, "part": part, "layer": layer, "head": head, "share": float(value), "scale": scale}
        for part, layer, head, value in parts
    ]


def _task(config: Config, name: str) -> Task:
    from workbench.prompt_sets import checked_task

    return checked_task(name, format=config.format, examples=config.examples, data=config.data)


if __name__ == "__main__":
    from workbench.cli.run import run_as_script

    run_as_script(__file__)
