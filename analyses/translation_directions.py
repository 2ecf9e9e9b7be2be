"""Is a translation task recognised earlier into English than out of it?

Paper A (Sia, Mueller and Duh 2024) reads earlier layers into English off its curves. BLEU of the two directions cannot be
compared, since their references differ; the layers can. Both directions are run on the same sentence pairs, those of one
turned round for the other, and their recognition layers and the mean layers of their rises are compared with a bootstrap
over the pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.batches import spans
from workbench.settings import CompletionSettings, EngineSettings, ItemSettings, MaskSettings

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from workbench.models.model import Model
    from workbench.runs.pages import Page
    from workbench.scoring import Score
    from workbench.statistics.direction_pairs import Directions
    from workbench.tasks.task import Task


@dataclass(frozen=True)
class Config(MaskSettings, CompletionSettings, EngineSettings, ItemSettings):
    """Settings of the comparison."""

    out_of: tuple[str, ...] = ("translate-en-fr", "translate-en-de", "translate-en-es", "translate-en-it")
    """Translation tasks out of English, such as `flores:eng_Latn-fra_Latn`; their test sentences are used."""
    into: tuple[str, ...] = ("translate-fr-en", "translate-de-en", "translate-es-en", "translate-it-en")
    """Those into English, in the same order; tested on the same sentences, turned round."""
    format: str = "instr_none_QA"
    """Prompt format."""
    examples: int = 5
    """Examples in the prompt, drawn once per seed for the whole test set."""
    mask: str = "TTF"
    """What is hidden: T or F for instructions, examples and query, or mask_all."""
    seeds: tuple[int, ...] = (0, 1)
    limit: int | None = 75
    fraction: float = 0.95
    """Share of the rise from floor to ceiling at which the task counts as recognised."""


@dataclass(frozen=True)
class Cell:
    """One batch of one direction of a pair and one seed, at all layers."""

    task: str
    sentences: str
    """The task that the sentence pairs are taken from: the pair's direction out of English."""
    seed: int
    start: int
    stop: int


SUMMARY_ONLY = ("fraction",)
"""Settings that change no measurement, only what is read off it."""


def cells(config: Config) -> list[Cell]:
    """What can be measured apart. Refuses unknown tasks, formats and masks before a model is loaded."""
    from workbench import setting_checks as checks
    from workbench.errors import UserError
    from workbench.interventions import ContextMask

    checks.check_positive(
        batch_size=config.batch_size, max_new_tokens=config.max_new_tokens, number_of_examples=config.examples
    )
    checks.check_fraction(config.fraction)
    checks.check_data_folder(config.data)
    checks.check_each_once(seeds=config.seeds, task=(*config.out_of, *config.into))
    if len(config.out_of) != len(config.into):
        raise UserError(
            f"{len(config.out_of)} tasks are given out of English and {len(config.into)} into it; give as many of each, "
            "in the same order."
        )
    ContextMask.named(config.mask, 0)
    found = []
    for out, into in zip(config.out_of, config.into, strict=True):
        # Both before their scores: a task that is no translation is refused as that, whatever it is scored by.
        for name, task in [(name, _task(config, name, out)) for name in (out, into)]:
            _scores(config, task)
            total = len(task.limited(config.limit))
            found += [Cell(name, out, seed, *span) for seed in config.seeds for span in spans(total, config.batch_size)]
    return found


def task_digest(config: Config, cell: Cell) -> str:
    """Hash of the data that a cell reads."""
    return _task(config, cell.task, cell.sentences).digest


def signatures(config: Config) -> dict[str, str]:
    """How the scores are made, by their names."""
    tasks = [_task(config, name, name) for name in (*config.out_of, *config.into)]
    return {score.name: score.signature for task in tasks for score in _scores(config, task) if score.signature}


def measure(config: Config, cell: Cell, model: Model, progress: Callable[[int], object] | None = None) -> pd.DataFrame:
    """Run one batch: the context hidden from every layer, each prompt's statistics and completion a row."""
    from workbench.masking.mask_rows import MaskCurve, every_layer, mask_rows
    from workbench.prompt_sets import about, prompts_of

    task = _task(config, cell.task, cell.sentences)
    asked: dict[str, Any] = {"format": config.format, "examples": config.examples, "seed": cell.seed}
    constant = {**about(model, task), **asked}
    direction = "out of" if cell.task == cell.sentences else "into"
    return mask_rows(
        model,
        prompts_of(model, task, task.test[cell.start : cell.stop], **asked),
        [MaskCurve(config.mask, every_layer(model.n_layers), config.keep_bos, config.renormalise)],
        _scores(config, task),
        {**constant, "direction": direction, "sentences": cell.sentences},
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
    """The layers of every pair of directions, their differences, and the curves behind them."""
    from workbench.views.translation_directions import pictures

    return {picture.name: picture.figure for picture in pictures(_directions(table))}


def page(table: pd.DataFrame, completions: pd.DataFrame) -> Page:
    """The report: layers and differences in pictures, in sentences and in a table."""
    from workbench.runs.pages import Page, model_names
    from workbench.views.direction_words import differences_table, findings
    from workbench.views.masking_notes import cut_references
    from workbench.views.translation_directions import pictures

    found = _directions(table)
    said = [*findings(found), *cut_references(table)]
    return Page(
        f"Into English and out of it in {model_names(table)}", pictures(found), [differences_table(found)], said
    )


def _directions(table: pd.DataFrame) -> Directions:
    from workbench.statistics.curves import Settings
    from workbench.statistics.direction_pairs import Directions

    chosen = table.attrs.get("settings", {})
    return Directions.of(table, Settings(fraction=chosen.get("fraction", Config.fraction)))


def _task(config: Config, name: str, sentences: str) -> Task:
    """The task as the settings want it, tested on the sentences of another turned round where that is another."""
    from workbench.prompt_sets import checked_task
    from workbench.tasks.registry import find_task
    from workbench.tasks.turned import on_sentences_of

    asked: dict[str, Any] = {"format": config.format, "examples": config.examples, "data": config.data}
    task = checked_task(name, **asked, max_new_tokens=config.max_new_tokens)
    return task if name == sentences else on_sentences_of(task, find_task(sentences, data=config.data))


def _scores(config: Config, task: Task) -> list[Score]:
    from workbench.scoring import scores_for

    return scores_for(task, config.scores or ())


if __name__ == "__main__":
    from workbench.cli.run import run_as_script

    run_as_script(__file__)
