"""Where does each attention head look when the answer is read?

The attention of every layer and head, from the position of the answer (or from any other place), summed over the
segments of the prompt: instructions, each example's source and target, the query, the markers between them. Attention
says what a head reads from, not what it makes of it: head-ablation and activation-patching say that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.batches import Batch, batches
from workbench.settings import PromptSettings

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from workbench.models.model import Model
    from workbench.prompts import Prompt
    from workbench.runs.pages import Page
    from workbench.tasks.task import Task


@dataclass(frozen=True)
class Config(PromptSettings):
    """Settings of the measurement."""

    places: tuple[str, ...] = ("answer",)
    """Where it is looked from: answer (the prompt's last position), reference (that and the reference's tokens), or
    segments such as query.source and examples.target; a prompt's positions of a place are averaged."""
    batch_size: int = 25


def cells(config: Config) -> list[Batch]:
    """What can be measured apart. Refuses settings that cannot be used before a model is loaded."""
    from workbench.setting_checks import check_each_once, check_positive

    check_positive(batch_size=config.batch_size)
    check_each_once(task=config.task, seeds=config.seeds, places=config.places)
    totals = {name: len(_task(config, name).limited(config.limit)) for name in config.task}
    return batches(totals, config.seeds, config.batch_size)


def task_digest(config: Config, cell: Batch) -> str:
    """Hash of the data that a cell reads."""
    return _task(config, cell.task).digest


def measure(config: Config, cell: Batch, model: Model, progress: Callable[[int], object] | None = None) -> pd.DataFrame:
    """Look at one batch: a row for each place, prompt, layer and head, with a share for each kind of segment."""
    import pandas as pd

    from workbench.prompt_sets import about, prompts_of

    task = _task(config, cell.task)
    items = task.test[cell.start : cell.stop]
    prompts = prompts_of(model, task, items, format=config.format, examples=config.examples, seed=cell.seed)
    tables = [_from(model, prompts, place, first=cell.start == 0) for place in config.places]
    if progress is not None:
        progress(len(prompts))
    return pd.concat(tables, ignore_index=True).assign(
        **about(model, task),
        format=config.format,
        examples=config.examples,
        seed=cell.seed,
    )


def figures(table: pd.DataFrame) -> dict[str, go.Figure]:
    """For every task and place: every head's shares, shares by layer, each example's share, the first prompt's tokens."""
    from workbench.views.attention_mass import pictures

    return {picture.name: picture.figure for picture in pictures(table)}


def page(table: pd.DataFrame, completions: pd.DataFrame) -> Page:
    """The report: the pictures, which heads look at the context most, every head in a table."""
    from workbench.runs.pages import Page, model_names
    from workbench.views.attention_mass import findings, head_table, pictures

    return Page(f"Where the heads of {model_names(table)} look", pictures(table), [head_table(table)], findings(table))


def layer_profile(table: pd.DataFrame) -> pd.DataFrame:
    """For the overview: by layer, the share of the attention from the answer that goes to the context."""
    from workbench.views.attention_mass import context_profile

    return context_profile(table)


def _from(model: Model, prompts: list[Prompt], place: str, *, first: bool) -> pd.DataFrame:
    """The rows of one place. The weights themselves are kept for the first prompt of all."""
    import pandas as pd

    from workbench.internals.attention_mass import (
        CONTEXT,
        KINDS,
        PUNCTUATION,
        attention_masses,
        columns,
        kinds_of,
        number_of_examples,
        passage_from,
    )
    from workbench.lenses.token_labels import token_label

    passages = [passage_from(prompt, place) for prompt in prompts]
    masses = attention_masses(model, passages)
    shown = number_of_examples(prompts[0])
    at = {name: column for column, name in enumerate(columns(shown))}
    rows: list[dict[str, Any]] = []
    for number, passage in enumerate(passages):
        there = kinds_of(passage)
        for layer in range(model.n_layers):
            for head, shares in enumerate(masses.shares[number, layer].double().tolist()):
                row: dict[str, Any] = {"place": place, "prompt": passage.prompt.name, "layer": layer, "head": head}
                row |= {_column(kind): shares[at[kind]] if kind in there else float("nan") for kind in KINDS}
                row[_column(PUNCTUATION)] = shares[at[PUNCTUATION]]
                row["to_context"] = sum(shares[at[kind]] for kind in CONTEXT)
                for part in ("source", "target"):
                    row[f"to_each_{part}"] = [shares[at[f"examples.{example}.{part}"]] for example in range(shown)]
                pictured = first and number == 0
                row["weights"] = masses.first[layer, head].double().tolist() if pictured else None
                labels = pictured and layer == head == 0
                row["tokens"] = [token_label(model, token) for token in passage.token_ids] if labels else None
                rows.append(row)
    return pd.DataFrame(rows)


def _column(kind: str) -> str:
    return f"to_{kind.replace('.', '_')}"


def _task(config: Config, name: str) -> Task:
    from workbench.prompt_sets import checked_task

    return checked_task(name, format=config.format, examples=config.examples, data=config.data)


if __name__ == "__main__":
    from workbench.cli.run import run_as_script

    run_as_script(__file__)
