"""Which layers does the answer need attention in, when it is removed from one layer at a time?

Paper A (Sia, Mueller and Duh 2024), single-layer attention removal: in one layer, the self-attention sub-layer of all
heads and positions is dropped, the residual stream and the feed-forward stay. Layers without which the score falls are
*critical*. Run with examples, with an instruction, with both and with neither, it shows what a layer is needed for.

Beside it, on the same prompts, stands the masking curve: the score with the context hidden from each layer on. The paper holds
that critical layers lie where that curve is steep; how far they do is measured, as the rank correlation over layers of what
removing a layer's attention costs with how much the masking curve rises there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from workbench.batches import spans
from workbench.settings import EngineSettings, ProgramSettings, TaskSettings

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from workbench.masking.condition_rows import Named
    from workbench.models.model import Model
    from workbench.runs.pages import Page
    from workbench.scoring import Score
    from workbench.tasks.task import Task


@dataclass(frozen=True)
class Config(EngineSettings, ProgramSettings, TaskSettings):
    """Settings of the removal."""

    examples: int = 5
    """Examples in the prompts that show some."""
    prompts: tuple[Literal["examples", "both", "instruction", "neither"], ...] = ("both", "examples", "neither")
    """What the prompts show: examples, an instruction, both or neither. The paper has the three that stand here."""
    baselines: tuple[Literal["examples", "both", "instruction", "neither"], ...] = ("both", "instruction")
    """What the prompts of the dotted lines show, where nothing is removed. The paper has these: five examples and none, both
    with an instruction."""
    masking: bool = True
    """Whether the masking curve of the same prompts is measured too, where they have a context."""
    instruction_format: str = "instr_task"
    """Prompt format of those with an instruction; instr_machine_translation and instr_code_gen are the paper's."""
    plain_format: str = "instr_none_QA"
    """Prompt format of those without."""
    limit: int | None = 100


@dataclass(frozen=True)
class Cell:
    """One batch of prompts of one task, kind of prompt and seed; baselines alone are run with nothing removed only."""

    task: str
    prompt: str
    seed: int
    start: int
    stop: int
    removed: bool = True


def cells(config: Config) -> list[Cell]:
    """What can be measured apart. Refuses unknown tasks and formats before a model is loaded."""
    from workbench.setting_checks import check_data_folder, check_each_once, check_positive

    check_each_once(task=config.task, prompts=config.prompts, seeds=config.seeds)
    check_positive(batch_size=config.batch_size, max_new_tokens=config.max_new_tokens)
    check_data_folder(config.data)
    found = []
    for name in config.task:
        for prompt in dict.fromkeys((*config.prompts, *config.baselines)):
            task = _task(config, name, prompt)
            _scores(config, task)
            total = len(task.limited(config.limit))
            removed = prompt in config.prompts
            # Without examples there is nothing that a seed would draw.
            seeds = config.seeds if _shown(config, prompt)["examples"] else config.seeds[:1]
            found += [
                Cell(name, prompt, seed, *span, removed) for seed in seeds for span in spans(total, config.batch_size)
            ]
    return found


def task_digest(config: Config, cell: Cell) -> str:
    """Hash of the data that a cell reads."""
    return _task(config, cell.task, cell.prompt).digest


def signatures(config: Config) -> dict[str, str]:
    """How the scores are made, by their names."""
    tasks = (_task(config, name, config.prompts[0]) for name in config.task)
    return {score.name: score.signature for task in tasks for score in _scores(config, task) if score.signature}


def measure(config: Config, cell: Cell, model: Model, progress: Callable[[int], object] | None = None) -> pd.DataFrame:
    """Run one batch: the clean run, the removal from every layer, the context hidden from every layer on.

    Each prompt's statistics and completion are a row; `layer` is the layer whose attention is removed, `from_layer` that from
    which the context is hidden, -1 where it is not the row's matter.
    """
    from workbench.masking.condition_rows import condition_rows
    from workbench.prompt_sets import about, prompts_of

    task = _task(config, cell.task, cell.prompt)
    asked = {**_shown(config, cell.prompt), "seed": cell.seed}
    prompts = prompts_of(model, task, task.test[cell.start : cell.stop], **asked)
    conditions = _conditions(config, cell, model.n_layers) if cell.removed else []
    constant = {
        **about(model, task),
        **asked,
        "shows": cell.prompt,
        "baseline": cell.prompt in config.baselines,
        "layer": -1,
        "from_layer": -1,
    }
    scores = _scores(config, task)
    return condition_rows(model, prompts, conditions, scores, constant, engine=config.engine, progress=progress)


def figures(table: pd.DataFrame) -> dict[str, go.Figure]:
    """For every task and score, the score when attention is removed from each layer, beside the masking curve."""
    from workbench.views.removal import pictures, removal_of

    return {picture.name: picture.figure for picture in pictures(removal_of(table))}


def page(table: pd.DataFrame, completions: pd.DataFrame) -> Page:
    """The report: curves with their baselines, the critical layers in words and where they lie on the masking curve."""
    from workbench.runs.pages import Page, model_names
    from workbench.views.removal import findings, overlap_table, pictures, removal_of, removal_table

    found = removal_of(table)
    return Page(
        f"Attention removed layer by layer in {model_names(table)}",
        pictures(found),
        [overlap_table(found), removal_table(found)],
        findings(found),
    )


def layer_profile(table: pd.DataFrame) -> pd.DataFrame:
    """For the overview: what removing each layer's attention takes from the reference's log-probability."""
    from workbench.views.removal import removal_of, removal_profile

    return removal_profile(removal_of(table))


_CONTEXT = {"both": "TTF", "examples": "FTF", "instruction": "TFF"}
"""The mask that hides all of the context that a kind of prompt has."""


def _conditions(config: Config, cell: Cell, n_layers: int) -> list[Named]:
    """The removal from every layer and, of prompts with a context, the context hidden from every layer on."""
    from workbench.interventions import AttentionRemoval, ContextMask
    from workbench.masking.condition_rows import Named

    removals = [
        Named(f"attention {layer}", AttentionRemoval((layer,)), {"layer": layer, "from_layer": -1})
        for layer in range(n_layers)
    ]
    if not config.masking or cell.prompt not in _CONTEXT:
        return removals
    mask = _CONTEXT[cell.prompt]
    return removals + [
        Named(f"{mask} from {layer}", ContextMask.named(mask, layer), {"layer": -1, "from_layer": layer})
        for layer in range(n_layers)
    ]


def _shown(config: Config, prompt: str) -> dict[str, Any]:
    """Format and number of examples of a kind of prompt."""
    instructed = prompt in ("instruction", "both")
    return {
        "format": config.instruction_format if instructed else config.plain_format,
        "examples": config.examples if prompt in ("examples", "both") else 0,
    }


def _task(config: Config, name: str, prompt: str) -> Task:
    from workbench.prompt_sets import checked_task

    return checked_task(name, **_shown(config, prompt), data=config.data, max_new_tokens=config.max_new_tokens)


def _scores(config: Config, task: Task) -> list[Score]:
    from workbench.scoring import scores_for

    return scores_for(task, config.scores or (), allow_code_execution=config.allow_code_execution)


if __name__ == "__main__":
    from workbench.cli.run import run_as_script

    run_as_script(__file__)
