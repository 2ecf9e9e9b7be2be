"""In which single layer can a task be taught, and is it the layer where the context stops being needed?

Paper A (Sia, Mueller and Duh 2024), single-layer fine-tuning: an adapter (LoRA) on the attention's output projection of one
layer, the rest frozen, trained on pairs without examples and without instruction; the prompt of the test shows no examples
either. The score by trained layer stands beside that of all layers trained together and of the untrained model. The paper finds
the best layers before the task-recognition layer, and that late layers give little.

Beside it stands the masking curve of the untrained model on the same test items, shown examples, and the rank correlation of the
two curves over layers.

What the examples on `mini` mean: it never saw the future. From examples it picks up the language of `future-en-fr`, not the verb,
so that its masking curve is one of recognising French; adapters teach it French without examples, but hardly to spell the verb,
whose forms are no tokens of its own: BLEU counts the rest of the sentence. Tasks that it was trained on (`negation-en-fr`,
`past-en-fr`) are there to be chosen, not to be learned: with them an adapter does what the context does. Portuguese
(`translate-en-pt`), whose words are none of its tokens at all, cannot be taught by one layer: BLEU stays under 1.

peft trains Hugging Face's own model; the merged result is measured as any model is. Two copies of the weights are in memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workbench.settings import CompletionSettings, TaskSettings

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from workbench.interventions import Condition
    from workbench.learning.fit import Fitted
    from workbench.learning.folder import TrainingFolder
    from workbench.lora.settings import Training
    from workbench.models.model import Model
    from workbench.runs.pages import Page
    from workbench.scoring import Score
    from workbench.tasks.task import Task


@dataclass(frozen=True)
class Config(CompletionSettings, TaskSettings):
    """Settings of single-layer fine-tuning."""

    task: tuple[str, ...] = ("future-en-fr",)
    """Tasks that have items to train on: those of mini's languages, code and operators, and `flores:SOURCE-TARGET`. mini never
    saw the future, nor any Portuguese (translate-en-pt)."""
    preset: Literal["mini", "v1", "neurips", "code"] = "mini"
    """How adapters are trained: small settings for mini, or those of the paper's first version, of its NeurIPS version, or of
    its official code as it was meant."""
    official_defects: bool = False
    """Train as the official code does by mistake: 3 epochs (unless --epochs says otherwise), and the loss on the source too."""
    targets: tuple[str, ...] = ("output",)
    """Matrices of a layer that the adapter stands on: output, query, key, value (of the attention), or the checkpoint's own
    names such as mlp.down_proj."""
    layers: tuple[int, ...] | None = None
    """Layers that are trained, each alone; all if left out."""
    together: bool = True
    """Whether all layers are trained together as well."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of the adapters, of the order of the items and of the draw of those that are drawn."""
    training_items: int | None = None
    """Pairs to learn from; by default the preset's, as all that follows."""
    validation_items: int | None = None
    """Pairs of the task's pool that decide when training stops."""
    rank: int | None = None
    """Rank of the adapter."""
    alpha: int | None = None
    """The adapter counts alpha / rank times."""
    dropout: float | None = None
    """Dropout of the adapter's input."""
    learning_rate: float | None = None
    """Of AdamW; falls linearly to zero."""
    training_batch: int | None = None
    """Pairs in each step."""
    epochs: int | None = None
    """Passes over the items, at most."""
    patience: int | None = None
    """Evaluations in a row without an improvement, after which training stops."""
    threshold: float | None = None
    """Fall of the validation loss, in nats per token, that counts as an improvement."""
    training_format: str = "instr_none_QA"
    """Prompt format of the training; in the paper without instruction."""
    formats: tuple[str, ...] = ("instr_none_QA",)
    """Prompt formats of the test; instr_task or instr_machine_translation show an instruction."""
    limit: int | None = 100
    scores: tuple[str, ...] | None = None
    """Scores; by default the task's own and the log-probability of the reference."""
    masking_examples: int = 5
    """Examples in the prompts of the masking curve that is drawn beside, in the first of the test formats: the untrained model
    with the context hidden from each layer on. 0 for no curve."""
    device: str = "cpu"
    """Where the model runs and is trained: cpu, cuda, cuda:1."""


@dataclass(frozen=True)
class Cell:
    """One choice of layers for one task, trained with one seed; no layers: the untrained model."""

    task: str
    layers: tuple[int, ...]
    seed: int


UNTRAINED, TOGETHER = "none", "all"
"""What is trained, where it is not one layer."""


def cells(config: Config) -> list[Cell]:
    """What can be trained apart. Refuses what cannot be used before a model is loaded."""
    from workbench.errors import UserError
    from workbench.lora.projections import modules_named, stored_projections
    from workbench.models.files import checkpoint_files
    from workbench.models.source import locate
    from workbench.models.weights import layer_count
    from workbench.setting_checks import check_data_folder, check_each_once, check_positive

    check_each_once(task=config.task, seeds=config.seeds, targets=config.targets, formats=config.formats)
    check_positive(batch_size=config.batch_size, max_new_tokens=config.max_new_tokens)
    check_data_folder(config.data)
    if "," in config.device:
        raise UserError(f"Device {config.device!r} names several: an adapter is trained on one, such as cuda:0.")
    training = _training(config)
    for name in config.task:
        _check_task(config, name, training)
    source = locate(config.model, config.revision)
    files = checkpoint_files(source.folder)
    n_layers = layer_count(files, source.name)
    chosen = tuple(range(n_layers)) if config.layers is None else config.layers
    for layer in chosen:
        if not 0 <= layer < n_layers:
            raise UserError(f"Layer {layer} is out of range: {source.name} has {n_layers} layers, 0 to {n_layers - 1}.")
    modules_named(stored_projections(files), config.targets, range(n_layers), f"Model {source.name}")
    together = [tuple(range(n_layers))] if config.together else []
    trained = [*together, *((layer,) for layer in dict.fromkeys(chosen))]
    return [
        cell
        for name in config.task
        for cell in (
            Cell(name, (), config.seeds[0]),
            *(Cell(name, layers, seed) for seed in config.seeds for layers in trained),
        )
    ]


def task_digest(config: Config, cell: Cell) -> str:
    """Hash of the data that a cell reads."""
    return _task(config, cell.task).digest


def signatures(config: Config) -> dict[str, str]:
    """How the scores are made, by their names."""
    found = [score for name in config.task for score in _scores(config, _task(config, name))]
    return {score.name: score.signature for score in found if score.signature}


def measure(
    config: Config,
    cell: Cell,
    model: Model,
    progress: Callable[[int], object] | None = None,
    folder: Path | None = None,
) -> pd.DataFrame:
    """Train the cell's layers (or load the adapter that `folder` has of it), then answer the test prompts.

    A row for each prompt format and prompt. Adapters are kept under `folder`, in peft's format; without one they are not kept.
    With the untrained model comes the masking curve: rows whose `from_layer` is the layer from which the context is hidden,
    `n_layers` for never; -1 in all other rows.
    """
    import pandas as pd

    from workbench.prompt_sets import about

    task = _task(config, cell.task)
    found: Fitted | None = None
    measured = model
    if cell.layers:
        measured, found = _adapted(config, cell, model, task, progress, folder)
    kind = _trained_name(cell, model.n_layers)
    constant: dict[str, Any] = {
        **about(model, task),
        "preset": config.preset,
        "targets": " ".join(config.targets),
        "trained": kind,
        "layer": cell.layers[0] if kind not in (UNTRAINED, TOGETHER) else -1,
        "seed": cell.seed,
        "steps": 0 if found is None else found.steps,
        "kept_step": 0 if found is None else found.kept_step,
        "validation_loss": float("nan") if found is None else found.validation_loss,
        "untrained_loss": float("nan") if found is None else found.untrained_loss,
    }
    tables = [_answers(config, task, measured, format_) for format_ in config.formats]
    if not cell.layers and config.masking_examples:
        tables.append(_masking_curve(config, task, model))
    return pd.concat(tables, ignore_index=True).assign(**constant)


def figures(table: pd.DataFrame) -> dict[str, go.Figure]:
    """For every task, format and score the score by trained layer, with all and none as lines, beside the masking curve."""
    from workbench.views.adapters import adapter_pictures

    return {name: picture.figure for name, picture in adapter_pictures(table).items()}


def page(table: pd.DataFrame, completions: pd.DataFrame) -> Page:
    """The report: the curves, what they say of the layers, and how each training went."""
    from workbench.runs.pages import Page, model_names
    from workbench.views.adapters import adapter_findings, adapter_pictures, adapter_table

    return Page(
        f"Single-layer fine-tuning of {model_names(table)}",
        list(adapter_pictures(table).values()),
        [adapter_table(table)],
        adapter_findings(table),
    )


def layer_profile(table: pd.DataFrame) -> pd.DataFrame:
    """For the overview: each task's own score after training each layer alone."""
    from workbench.views.adapters import adapter_profile

    return adapter_profile(table)


def _training(config: Config) -> Training:
    """The preset with the settings' changes."""
    from workbench.learning.presets import training_named
    from workbench.lora.settings import presets

    names = (
        *("rank", "alpha", "dropout", "learning_rate", "training_items", "validation_items", "training_batch"),
        *("epochs", "patience", "threshold"),
    )
    # The defects are the preset's: what is asked for by name counts before them.
    changes = {name: getattr(config, name) for name in names}
    return training_named(presets(config.official_defects), config.preset, changes)


def _task(config: Config, name: str) -> Task:
    from workbench.prompt_sets import checked_task

    return checked_task(
        name, format=config.training_format, examples=0, data=config.data, max_new_tokens=config.max_new_tokens
    )


def _scores(config: Config, task: Task) -> list[Score]:
    from workbench.scoring import scores_for

    return scores_for(task, config.scores or (task.score, "log_probability"))


def _check_task(config: Config, name: str, training: Training) -> None:
    """Refuse a task that cannot be trained on or tested so."""
    from workbench.errors import UserError
    from workbench.formats import find_format
    from workbench.tasks.training_items import training_items

    # First: what else a task lacks, such as data or leave to execute programs, would not help one that has none.
    training_items(name, training.training_items, seed=config.seeds[0], data=config.data)
    task = _task(config, name)
    for format_ in config.formats:
        find_format(format_, task.kind)
    task.examples(config.masking_examples, seed=0)
    _scores(config, task)
    task.limited(config.limit)
    if training.validation_items > len(task.pool):
        raise UserError(
            f"Task {name!r} has {len(task.pool)} items in its pool, fewer than the {training.validation_items} to validate on: "
            "give --validation-items."
        )


def _trained_name(cell: Cell, n_layers: int) -> str:
    if not cell.layers:
        return UNTRAINED
    return f"layer {cell.layers[0]}" if len(cell.layers) == 1 and n_layers > 1 else TOGETHER


def _adapted(
    config: Config,
    cell: Cell,
    model: Model,
    task: Task,
    progress: Callable[[int], object] | None,
    folder: Path | None,
) -> tuple[Model, Fitted]:
    """The model with the cell's adapter, trained and merged."""
    from workbench.learning.examples import examples_of
    from workbench.lora.adapted import merged_model, original_model, with_adapter
    from workbench.lora.training import train_adapter
    from workbench.tasks.training_items import training_items

    training = _training(config)
    kept = None if folder is None else _adapter_folder(config, cell, model, task, folder)
    if kept is not None:
        kept.claim()
    dtype = model.hooked.cfg.dtype
    original = original_model(config.model, config.revision, dtype=dtype, device=config.device)
    adapted = with_adapter(original, config.targets, cell.layers, training, name=f"Model {model.name}", seed=cell.seed)
    items = training_items(cell.task, training.training_items, seed=cell.seed, data=config.data)
    sets = [
        examples_of(model, task, some, format=config.training_format, loss=training.loss)
        for some in (items, task.pool[: training.validation_items])
    ]
    found = train_adapter(adapted, training, *sets, seed=cell.seed, folder=kept, progress=progress)
    return merged_model(model, adapted), found


def _adapter_folder(config: Config, cell: Cell, model: Model, task: Task, folder: Path) -> TrainingFolder:
    """Where the adapter of a cell lies, with everything that it depends on."""
    from dataclasses import asdict

    from workbench.learning.folder import TrainingFolder
    from workbench.runs.provenance import versions

    recipe: dict[str, Any] = {"preset": config.preset, **asdict(_training(config))}
    recipe |= {"targets": config.targets, "layers": cell.layers, "seed": cell.seed, "format": config.training_format}
    recipe |= {"task": f"{task.name} {task.digest}", "model": f"{model.name} {model.digest}", "dtype": config.dtype}
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{cell.task}.{_trained_name(cell, model.n_layers)}.seed-{cell.seed}")
    return TrainingFolder(folder / "adapters" / name, recipe, versions(Path(__file__)))


def _answers(config: Config, task: Task, model: Model, format_: str) -> pd.DataFrame:
    """The test prompts in one format, without examples: statistics of the scores, and the texts."""
    from workbench.interventions import Clean

    return _scored(config, task, model, format_, 0, {-1: Clean()})


def _masking_curve(config: Config, task: Task, model: Model) -> pd.DataFrame:
    """The same with examples, and their context hidden from each layer on."""
    from workbench.interventions import Clean, ContextMask

    conditions: dict[int, Condition] = {layer: ContextMask.named("TTF", layer) for layer in range(model.n_layers)}
    conditions[model.n_layers] = Clean()
    return _scored(config, task, model, config.formats[0], config.masking_examples, conditions)


def _scored(
    config: Config, task: Task, model: Model, format_: str, examples: int, conditions: Mapping[int, Condition]
) -> pd.DataFrame:
    """A row for each test prompt and condition, whose name is `from_layer`."""
    import pandas as pd

    from workbench.prompt_sets import prompts_of
    from workbench.scoring.rows import scored_row
    from workbench.sweep import sweep

    prompts = prompts_of(model, task, task.limited(config.limit), format=format_, examples=examples, seed=0)
    outcomes = iter(sweep(model, prompts, list(conditions.values()), batch_size=config.batch_size))
    scores = _scores(config, task)
    rows = []
    for prompt in prompts:
        ran = {name: next(outcomes) for name in conditions}
        # The clean run comes last.
        *_, clean = ran.values()
        rows += [{"from_layer": name, **scored_row(prompt, each, clean, scores)} for name, each in ran.items()]
    return pd.DataFrame(rows).assign(format=format_, examples=examples)


if __name__ == "__main__":
    from workbench.cli.run import run_as_script

    run_as_script(__file__)
