"""From which layer on does the model no longer need to look back at its instructions and examples?

Paper A (Sia, Mueller and Duh 2024, "Where does in-context learning happen in large language models?"), layer-from
context masking: for every layer, hide the context from that layer on, in all heads, and let the model answer. The
score as a function of that layer is flat, then steep, then flat again at the unmasked score; the layer from which it
stays there is the task-recognition layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from workbench.curves import Summary
    from workbench.interventions import Condition, ContextMask
    from workbench.models.model import Model
    from workbench.prompts import Prompt
    from workbench.runs.pages import Page
    from workbench.scoring import Score
    from workbench.sweep import Outcome
    from workbench.tasks.task import Task
    from workbench.views.report import Table


@dataclass(frozen=True)
class Config:
    """Settings of the task-recognition sweep."""

    model: str = "mini"
    """Name in the registry, Hugging Face id, or folder of a checkpoint."""
    revision: str | None = None
    """Branch, tag or commit on the hub, for models from there: a checkpoint of the training, for instance."""
    task: tuple[str, ...] = ("translate-en-fr",)
    """Tasks, as listed by `workbench tasks`; `flores:eng_Latn-fra_Latn`, `tsv:FILE` and `jsonl:FILE` read data."""
    format: str = "instr_none_QA"
    """Prompt format: instr_none_QA, instr_machine_translation, instr_code_gen or instr_task; for instruct models their own
    chat template: chat, chat_instr (with the instruction as system message) or chat_instr_user (at the head of the first
    turn)."""
    examples: int = 5
    """Examples in the prompt, drawn once per seed for the whole test set."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds that the examples are drawn by."""
    masks: tuple[str, ...] = ("TTF",)
    """What is hidden: T or F for instructions, examples and query (TTF), or mask_all."""
    layers: tuple[int, ...] | Literal["adaptive"] | None = None
    """First layers from which the context is hidden; all if left out. 0 and the ceiling are always measured. `adaptive`
    measures only what the recognition layer and its interval need."""
    limit: int | None = 100
    """Test prompts for each seed, from the first; None for the whole test set."""
    data: Path | None = None
    """Folder of the data set, for tasks that read one."""
    scores: tuple[str, ...] | None = None
    """Scores; by default the task's own, log-probability of the reference, agreement and divergence."""
    allow_code_execution: bool = False
    """Whether programs that the model writes may be executed, confined by bubblewrap; tasks scored by pass@1 need it."""
    max_new_tokens: int | None = None
    """Longest completion in tokens; by default the task's own."""
    keep_bos: bool | None = None
    """Whether the beginning-of-sequence token stays visible; by default as in the paper: except under mask_all."""
    renormalise: bool = True
    """Whether the attention left is renormalised (the paper's way)."""
    fraction: float = 0.95
    """Share of the rise from floor to ceiling at which the task counts as recognised."""
    relative_to: Literal["rise", "ceiling"] = "rise"
    """Threshold as a share of the rise, or of the ceiling (for scores with a true zero)."""
    published: str | None = None
    """Model whose published curves are drawn behind the BLEU curves: Llama-3.1-8B or Llama-3.1-8B-Instruct."""
    batch_size: int = 50
    """Prompts run together."""
    engine: Literal["auto", "fast", "reference"] = "auto"
    """What runs the sweep: the fast engine wherever it can, or the plain reference that defines it."""
    dtype: Literal["float32", "float64", "bfloat16", "float16"] = "float32"
    """Number format of the weights and of the computation."""
    device: str = "cpu"
    """Where the model runs: cpu, cuda, cuda:1."""


@dataclass(frozen=True)
class Cell:
    """Some prompts of one task, with all their layers and masks, which share work.

    One batch of one seed; where layers are chosen as the curve is seen, everything of the task.
    """

    task: str
    seeds: tuple[int, ...]
    start: int
    stop: int


SUMMARY_ONLY = ("fraction", "relative_to", "published")
"""Settings that change no measurement, only what is read off it."""


def cells(config: Config) -> list[Cell]:
    """What can be measured apart. Refuses unknown tasks, formats and masks before a model is loaded."""
    from workbench.errors import UserError
    from workbench.interventions import ContextMask

    for name, value in (("batch size", config.batch_size), ("longest completion", config.max_new_tokens)):
        if value is not None and value < 1:
            raise UserError(f"The {name} is {value}; give 1 or more.")
    if not 0 < config.fraction <= 1:
        raise UserError(f"The fraction is {config.fraction}; give more than 0 and at most 1, such as 0.95.")
    if config.data is not None and not config.data.exists():
        raise UserError(f"There is no folder {config.data}; give --data the folder of the data set.")
    for name, values in (("task", config.task), ("seeds", config.seeds), ("masks", config.masks)):
        if not values:
            raise UserError(f"No {name} given; at least one is needed.")
        if len(set(values)) < len(values):
            raise UserError(f"{name} names one value twice: {', '.join(map(str, values))}.")
    for mask in config.masks:
        ContextMask.named(mask, 0)
    _published(config.published)
    tasks = {name: _prepared(config, name) for name in config.task}
    for task in tasks.values():
        _scores(config, task)
    totals = {name: len(task.limited(config.limit)) for name, task in tasks.items()}
    if config.layers == "adaptive":
        return [Cell(name, config.seeds, 0, total) for name, total in totals.items()]
    return [
        Cell(name, (seed,), start, min(start + config.batch_size, total))
        for name, total in totals.items()
        for seed in config.seeds
        for start in range(0, total, config.batch_size)
    ]


def task_digest(config: Config, cell: Cell) -> str:
    """Hash of the data that a cell reads."""
    return _prepared(config, cell.task).digest


def signatures(config: Config) -> dict[str, str]:
    """How the scores are made, by their names."""
    return {
        score.name: score.signature
        for name in config.task
        for score in _scores(config, _prepared(config, name))
        if score.signature
    }


def measure(config: Config, cell: Cell, model: Model, progress: Callable[[int], object] | None = None) -> pd.DataFrame:
    """Run one cell: every mask from every layer, each prompt's statistics and completion a row."""
    import pandas as pd

    task = _prepared(config, cell.task)
    prompts = {seed: _prompts(config, cell, task, model, seed) for seed in cell.seeds}
    layers: dict[str, tuple[int, ...]] = dict.fromkeys(config.masks, _layers(config, model.n_layers))
    tables = []
    while layers:
        tables += [_measured(config, task, seed, prompts[seed], model, layers, progress) for seed in cell.seeds]
        layers = _next_layers(config, pd.concat(tables)) if config.layers == "adaptive" else {}
    table = pd.concat(tables, ignore_index=True)
    # Every round of an adaptive sweep brings the ceiling and the floor along.
    return table.drop_duplicates(["seed", "mask", "from_layer", "prompt"], ignore_index=True)


def _layers(config: Config, n_layers: int) -> tuple[int, ...]:
    """The layers to begin with."""
    from workbench.adaptive import next_layers

    if config.layers == "adaptive":
        return next_layers((), n_layers, None, None, None)
    return tuple(range(n_layers)) if config.layers is None else config.layers


def _next_layers(config: Config, table: pd.DataFrame) -> dict[str, tuple[int, ...]]:
    """What each mask still needs; nothing where its recognition layer and interval stand."""
    import pandas as pd

    from workbench.adaptive import next_layers
    from workbench.curves import Settings, summarise

    table = table.drop_duplicates(["seed", "mask", "from_layer", "prompt"])
    summary = summarise(table, Settings(fraction=config.fraction, relative_to=config.relative_to))
    recognition = summary.recognition[summary.recognition["seed"] == "all"].drop_duplicates("mask")
    wanted = {}
    for _, row in recognition.iterrows():
        known = set(table.loc[table["mask"] == row["mask"], "from_layer"])
        layer, low, high = (None if pd.isna(row[name]) else int(row[name]) for name in ("layer", "low", "high"))
        if layer is None and "no layer" not in row["reason"]:
            continue  # Nothing to recognise: no layer measured in between would change that.
        more = next_layers(known, int(row["n_layers"]), layer, low, high)
        if more:
            wanted[str(row["mask"])] = more
    return wanted


def _measured(
    config: Config,
    task: Task,
    seed: int,
    prompts: list[Prompt],
    model: Model,
    layers: dict[str, tuple[int, ...]],
    progress: Callable[[int], object] | None,
) -> pd.DataFrame:
    """The rows of one seed's prompts, with every mask from its layers on."""
    import pandas as pd

    from workbench.sweep import chosen_engine, sweep

    plan = _Plan(config, model.n_layers, prompts, layers)
    outcomes = sweep(
        model,
        prompts,
        plan.conditions,
        batch_size=config.batch_size,
        engine_name=config.engine,
        progress=progress,
    )
    scores = _scores(config, task)
    constant = {
        "model": model.name,
        "n_layers": model.n_layers,
        "task": task.name,
        "kind": task.kind,
        "format": config.format,
        "examples": config.examples,
        "seed": seed,
    }
    rows = []
    for number, prompt in enumerate(prompts):
        of_prompt = outcomes[number * len(plan.conditions) : (number + 1) * len(plan.conditions)]
        for mask, from_layer, index in plan.rows():
            row = _row(prompt, of_prompt[index], of_prompt[0], scores)
            hides = {"hides": plan.hides[mask][number]}
            rows.append({**constant, "mask": mask, "from_layer": from_layer, **hides, **row})
    table = pd.DataFrame(rows)
    table.attrs["engine"] = str(chosen_engine(model, config.engine, plan.conditions))
    return table


def layer_profile(table: pd.DataFrame) -> pd.DataFrame:
    """For the overview: how much of each task's score is there when the context is hidden from each layer on."""
    from workbench.views.layer_profiles import masking_profile

    summary = _summary(table)
    return masking_profile(summary.curves, summary.recognition)


def figures(table: pd.DataFrame) -> dict[str, go.Figure]:
    """The curves of every task and score, with their recognition layers."""
    return _curve_figures(table, _summary(table))


def _curve_figures(table: pd.DataFrame, summary: Summary) -> dict[str, go.Figure]:
    from workbench.views.curves import figures as curve_figures

    texts = table if "completion" in table else None
    behind = _published(table.attrs.get("settings", {}).get("published"))
    return curve_figures(summary.curves, summary.recognition, texts, published=behind)


def page(table: pd.DataFrame, completions: pd.DataFrame) -> Page:
    """The report: every task beside the others, each task's curve, then the scores that need no ability."""
    from workbench.runs.pages import Page
    from workbench.views.comparison import comparison_figure, main_scores
    from workbench.views.curves import file_name
    from workbench.views.forest import recognition_figure
    from workbench.views.report import Picture, Table
    from workbench.views.tables import recognition_table, without_constants

    summary = _summary(table)
    main = main_scores(summary.curves)
    first = {file_name(f"{task}.{score}") for task, score in main}
    together = recognition_figure(summary.curves, summary.recognition)
    pictures = [Picture("recognition-layers", together, _LAYERS, "All tasks")]
    if len(main) > 1:
        compared = comparison_figure(summary.curves, summary.recognition)
        pictures.insert(0, Picture("tasks-compared", compared, _COMPARED, "All tasks"))
    for name, figure in _curve_figures(table, summary).items():
        section = "Task by task" if name in first else "Other scores"
        pictures.append(Picture(name, figure, _CURVE, section))
    recognition = summary.recognition
    by_main = recognition[[pair in main for pair in zip(recognition["task"], recognition["score"], strict=True)]]
    models = " and ".join(dict.fromkeys(table["model"]))
    short, said = without_constants(recognition_table(by_main))
    every, _ = without_constants(recognition_table(recognition, seeds=True))
    return Page(
        f"Task recognition in {models}",
        sorted(pictures, key=lambda picture: _SECTIONS.index(picture.section)),
        [
            Table("Recognition layers", short, f"By each task's own score: {said}."),
            *_passed(table),
            Table("Every score and seed", every),
        ],
        [*_cut_references(table), *_same_masks(table), *_not_measured(table)],
        recognition,
    )


def _passed(table: pd.DataFrame) -> list[Table]:
    """pass@k of programs, where several seeds wrote some."""
    from workbench.scoring.pass_at_k import pass_at_k_table
    from workbench.views.report import Table
    from workbench.views.tables import passing_table, without_constants

    if "pass_at_1" not in table or table["seed"].nunique() == 1:
        return []
    # Tasks that are not judged by tests leave the column empty.
    estimates = pass_at_k_table(table[table["pass_at_1"].notna()])
    short, said = without_constants(passing_table(estimates))
    return [Table("pass@k", short, f"Unbiased, from one greedy program for each seed's examples: {said}.")]


def _cut_references(table: pd.DataFrame) -> list[str]:
    """A sentence about references that the model's window cuts off, if there are any."""
    prompts = table.drop_duplicates(["model", "task", "seed", "prompt"])
    cut = int((prompts["reference_read"] < 1).sum()) if "reference_read" in prompts else 0
    if not cut:
        return []
    return [
        f"In {cut} of {len(prompts)} prompts the model's window ends before the reference does: its log-probability "
        "is that of the tokens up to there, and completions end there at the latest."
    ]


def _same_masks(table: pd.DataFrame) -> list[str]:
    """A sentence about masks that hide the same, since their curves lie on one another."""
    said = []
    for (task, format_), rows in table.groupby(["task", "format"], sort=False):
        by_mask = {str(mask): tuple(of_mask["hides"].unique()) for mask, of_mask in rows.groupby("mask", sort=False)}
        first, *others = by_mask
        same = [name for name in others if by_mask[name] == by_mask[first]]
        if same:
            said.append(
                f"{task} with format {format_}: {' and '.join([first, *same])} hide the same ({by_mask[first][0]}), so "
                "their curves lie on one another."
            )
    return said


def _not_measured(table: pd.DataFrame) -> list[str]:
    """A sentence for every curve that lacks layers."""
    said = []
    for (model, n_layers, task, mask), rows in table.groupby(["model", "n_layers", "task", "mask"], sort=False):
        missing = sorted(set(range(int(str(n_layers)))) - set(rows["from_layer"]))
        if missing:
            listed = ", ".join(map(str, missing))
            said.append(f"{model}, {task}, {mask}: layers not measured, and nothing assumed of them: {listed}.")
    return said


_SECTIONS = ("All tasks", "Task by task", "Other scores")
_COMPARED = "Every curve as a share of its own way from floor to ceiling; the ring marks the recognition layer."
_LAYERS = "Task-recognition layers with their 95 % intervals; small ticks are single seeds."
_CURVE = "Score when the context is hidden from each layer on."


def _summary(table: pd.DataFrame) -> Summary:
    """Curves and recognition layers, by the rule that the run's settings name."""
    from workbench.curves import Settings, summarise

    chosen = table.attrs.get("settings", {})
    rule = {name: chosen[name] for name in ("fraction", "relative_to") if name in chosen}
    return summarise(table, Settings(**rule))


def _published(model: str | None) -> pd.DataFrame | None:
    """The published curves of a model."""
    if model is None:
        return None
    from workbench.errors import UserError
    from workbench.published import published_curves

    curves = published_curves()
    if model not in set(curves["model"]):
        known = ", ".join(dict.fromkeys(curves["model"]))
        raise UserError(f"No published curves for {model!r}; there are those of {known}.")
    curves = curves[curves["model"] == model]
    # They are of one direction and one test set, whatever is drawn before them.
    return curves.assign(model=curves["model"] + " FLORES " + curves["direction"])


class _Plan:
    """Which conditions are run, and which row each stands for.

    The ceiling is run once for all masks; masks that hide the same positions of every prompt are run once.
    """

    def __init__(
        self, config: Config, n_layers: int, prompts: list[Prompt], layers: dict[str, tuple[int, ...]]
    ) -> None:
        from workbench.interventions import Clean, ContextMask
        from workbench.interventions.conditions import check_layers

        self.conditions: list[Condition] = [Clean()]
        self.hides: dict[str, list[str]] = {}
        """The segments of each prompt that a mask hides, empty ones left out."""
        self._rows: list[tuple[str, int, int]] = []
        same: dict[Any, int] = {}
        for mask, wanted in layers.items():
            check_layers(wanted, n_layers)
            first = ContextMask.named(mask, 0, keep_bos=config.keep_bos, renormalise=config.renormalise)
            positions = tuple(prompt.positions(*first.hidden) for prompt in prompts)
            self.hides[mask] = [_hidden_segments(first, prompt) for prompt in prompts]
            for layer in sorted({0, *wanted} - {n_layers}):
                condition = replace(first, from_layer=layer)
                key = (layer, "completion" in condition.hidden, positions)
                if key not in same:
                    same[key] = len(self.conditions)
                    self.conditions.append(condition)
                self._rows.append((mask, layer, same[key]))
            self._rows.append((mask, n_layers, 0))

    def rows(self) -> Iterator[tuple[str, int, int]]:
        """Mask, layer, and the condition that measures it."""
        return iter(self._rows)


def _hidden_segments(mask: ContextMask, prompt: Prompt) -> str:
    return ", ".join(name for name in mask.hidden if name == "completion" or prompt.positions(name))


def _prepared(config: Config, name: str) -> Task:
    """The task as the settings want it."""
    from workbench.formats import find_format
    from workbench.tasks.registry import find_task

    task = find_task(name, data=config.data)
    find_format(config.format, task.kind)
    task.examples(config.examples, seed=0)
    if config.max_new_tokens is None:
        return task
    return replace(task, max_new_tokens=config.max_new_tokens)


def _prompts(config: Config, cell: Cell, task: Task, model: Model, seed: int) -> list[Prompt]:
    from workbench.formats import find_format
    from workbench.prompts import build_prompt

    format_ = find_format(config.format, task.kind)
    examples = task.examples(config.examples, seed)
    return [build_prompt(model, format_, task, examples, item) for item in task.test[cell.start : cell.stop]]


def _scores(config: Config, task: Task) -> list[Score]:
    from workbench.scoring import scores_for

    return scores_for(task, config.scores or (), allow_code_execution=config.allow_code_execution)


def _row(prompt: Prompt, outcome: Outcome, clean: Outcome, scores: list[Score]) -> dict[str, Any]:
    from workbench.scoring import Scored

    scored = Scored(
        completion=outcome.text,
        reference=prompt.reference,
        token_ids=outcome.token_ids,
        clean_token_ids=clean.token_ids,
        log_probabilities=outcome.log_probabilities,
        divergence=outcome.divergence,
        tests=prompt.tests,
    )
    return {
        "prompt": prompt.name,
        **{score.name: score.statistics(scored) for score in scores},
        "reference_read": len(prompt.reference_ids) / max(1, prompt.reference_length),
        "source": prompt.source,
        "reference": prompt.reference,
        "completion": outcome.text,
        "stopped": outcome.stopped,
    }


if __name__ == "__main__":
    from workbench.cli.run import run_as_script

    run_as_script(__file__)
