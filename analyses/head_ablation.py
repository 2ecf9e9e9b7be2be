"""Which attention heads does the answer need, when each is ablated alone?

Every head (or key/value head, attention or feed-forward sub-layer, or set of heads) is ablated by itself, before the
output projection, and the score and the reference's log-probability are compared with the unablated run on the same
prompts. Paper C (Bansal et al. 2023) removes heads and feed-forwards so; Michel et al. (2019) ask the same of
translation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from workbench.batches import Batch, batches
from workbench.settings import EngineSettings, ProgramSettings, PromptSettings

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from workbench.interventions import Condition
    from workbench.masking.condition_rows import Named
    from workbench.models.model import Model
    from workbench.prompts import Prompt
    from workbench.runs.pages import Page
    from workbench.scoring import Score
    from workbench.tasks.task import Task

Unit = Literal["head", "key-value-head", "attention", "feed-forward"]
Place = Literal["all", "query", "completion", "answering", "answer"]


@dataclass(frozen=True)
class Config(EngineSettings, ProgramSettings, PromptSettings):
    """Settings of the ablation."""

    unit: Unit = "head"
    """What is ablated alone, one after the other: every query head, every key/value head (with all query heads that read
    it), or every layer's attention or feed-forward sub-layer as a whole."""
    sets: tuple[str, ...] = ()
    """Sets of heads ablated together, instead of every unit: "4.2,5.0" is head 2 of layer 4 with head 0 of layer 5."""
    how: Literal["zero", "mean", "resample"] = "zero"
    """By what a head's output is replaced: nothing, its mean over other prompts, or its output in another prompt (at the
    answer's position only). Sub-layers are removed whole: zero."""
    positions: Place = "all"
    """Where: everywhere, at the query, at generated tokens, at both (answering), or at the prompt's last token (answer)."""
    reference_prompts: int = 20
    """Prompts that a mean is taken over: items of the pool asked after the same examples."""
    batch_size: int = 25


def cells(config: Config) -> list[Batch]:
    """What can be measured apart. Refuses settings that do not go together before a model is loaded."""
    from workbench.errors import UserError

    if config.batch_size < 1 or config.reference_prompts < 1:
        raise UserError("Batch size and number of reference prompts must be 1 or more.")
    if config.unit in ("attention", "feed-forward") and config.how != "zero":
        raise UserError(f"A whole {config.unit} sub-layer is removed, so --how is zero. Got {config.how!r}.")
    if config.how == "resample" and config.positions != "answer":
        raise UserError(
            "Another prompt's output can stand in for a head's at the answer's position, where prompts correspond: "
            f"give --positions answer. Got {config.positions!r}."
        )
    if config.sets and config.unit != "head":
        raise UserError(f"Sets are sets of heads: leave --unit out. Got {config.unit!r}.")
    for text in config.sets:
        _heads(text)
    totals = {}
    for name in config.task:
        task = _task(config, name)
        _scores(config, task)
        totals[name] = len(task.limited(config.limit))
    return batches(totals, config.seeds, config.batch_size)


def task_digest(config: Config, cell: Batch) -> str:
    """Hash of the data that a cell reads."""
    return _task(config, cell.task).digest


def signatures(config: Config) -> dict[str, str]:
    """How the scores are made, by their names."""
    return {
        score.name: score.signature
        for name in config.task
        for score in _scores(config, _task(config, name))
        if score.signature
    }


def measure(config: Config, cell: Batch, model: Model, progress: Callable[[int], object] | None = None) -> pd.DataFrame:
    """Run one batch: the clean run and every ablation, each prompt's statistics and completion a row."""
    from workbench.masking.condition_rows import condition_rows
    from workbench.prompt_sets import about, prompts_of

    task = _task(config, cell.task)
    asked: dict[str, Any] = {"format": config.format, "examples": config.examples, "seed": cell.seed}
    prompts = prompts_of(model, task, task.test[cell.start : cell.stop], **asked)
    others = prompts_of(model, task, _others(config, task, cell.seed), **asked) if config.how != "zero" else []
    constant = {
        **about(model, task),
        **asked,
        "unit": config.unit,
        "how": config.how,
        "positions": config.positions,
    }
    ablations = _ablations(config, model, prompts, others)
    scores = _scores(config, task)
    return condition_rows(model, prompts, ablations, scores, constant, engine=config.engine, progress=progress)


def figures(table: pd.DataFrame) -> dict[str, go.Figure]:
    """For every task and score, the effect of each ablation: layer by head, or layer by layer."""
    from workbench.statistics.effects import effects
    from workbench.views.ablation import pictures

    return {picture.name: picture.figure for picture in pictures(effects(table, _PLACE))}


def page(table: pd.DataFrame, completions: pd.DataFrame) -> Page:
    """The report: the effects as pictures, the most needed units in words, every effect in a table."""
    from workbench.runs.pages import Page, model_names
    from workbench.statistics.effects import effects
    from workbench.views.ablation import effect_table, findings, pictures

    found = effects(table, _PLACE)
    what = {"head": "heads", "key-value-head": "key/value heads"}.get(table["unit"].iloc[0], "sub-layers")
    return Page(f"Ablation of {what} in {model_names(table)}", pictures(found), [effect_table(found)], findings(found))


def layer_profile(table: pd.DataFrame) -> pd.DataFrame:
    """For the overview: what the ablations of each layer take from the reference's log-probability, summed."""
    from workbench.statistics.effects import effects
    from workbench.views.ablation import ablation_profile

    return ablation_profile(effects(table, _PLACE))


_PLACE = ["layer", "head", "unit", "how", "positions"]
_POSITIONS: dict[Place, tuple[str, ...]] = {
    "all": ("all",),
    "query": ("query",),
    "completion": ("completion",),
    "answering": ("query", "completion"),
    "answer": ("answer",),
}


def _ablations(config: Config, model: Model, prompts: list[Prompt], others: list[Prompt]) -> list[Named]:
    """Everything that is ablated alone."""
    from workbench.interventions import AttentionRemoval, FeedForwardRemoval
    from workbench.masking.condition_rows import Named

    where = _POSITIONS[config.positions]
    if config.unit in ("attention", "feed-forward"):
        removal = AttentionRemoval if config.unit == "attention" else FeedForwardRemoval
        return [
            Named(f"{config.unit} {layer}", removal((layer,), where), {"layer": layer, "head": -1})
            for layer in range(model.n_layers)
        ]
    payloads = _Payloads(config, model, prompts, others)
    if config.sets:
        sets = [(text, -1, -1, _heads(text)) for text in config.sets]
    else:
        key_value_heads = model.hooked.cfg.n_key_value_heads or model.n_heads
        size = 1 if config.unit == "head" else model.n_heads // key_value_heads
        sets = [
            (f"{layer}.{unit}", layer, unit, frozenset((layer, unit * size + member) for member in range(size)))
            for layer in range(model.n_layers)
            for unit in range(model.n_heads // size)
        ]
    return [
        Named(name, payloads.ablation(heads, where), {"layer": layer, "head": head})
        for name, layer, head, heads in sets
    ]


class _Payloads:
    """What is written over heads: nothing, means, or another prompt's outputs."""

    def __init__(self, config: Config, model: Model, prompts: list[Prompt], others: list[Prompt]) -> None:
        from workbench.internals.head_outputs import answer_head_outputs, mean_head_outputs

        self.how, self.model, self.prompts = config.how, model, prompts
        if self.how == "mean":
            self.values = mean_head_outputs(model, others, _POSITIONS[config.positions])
        elif self.how == "resample":
            # Prompts in turn: with fewer others than prompts, some are used again.
            taken = [others[number % len(others)] for number in range(len(prompts))]
            self.values = answer_head_outputs(model, taken)

    def ablation(self, heads: frozenset[tuple[int, int]], where: tuple[str, ...]) -> Condition:
        """The ablation of those heads."""
        from workbench.errors import UserError
        from workbench.interventions import HeadAblation, Payload

        for layer, head in heads:
            if not (0 <= layer < self.model.n_layers and 0 <= head < self.model.n_heads):
                raise UserError(
                    f"There is no head {head} in layer {layer}: {self.model.name} has layers 0 to "
                    f"{self.model.n_layers - 1} with heads 0 to {self.model.n_heads - 1}."
                )
        if self.how == "zero":
            return HeadAblation(heads, "zero", where)
        ordered = sorted(heads)
        layers, numbers = [layer for layer, _ in ordered], [head for _, head in ordered]
        values = self.values[..., layers, numbers, :]
        names = tuple(prompt.name for prompt in self.prompts) if self.how == "resample" else ()
        return HeadAblation(heads, self.how, where, Payload(values, names))


def _heads(text: str) -> frozenset[tuple[int, int]]:
    """Heads from "4.2,5.0"."""
    from workbench.errors import UserError

    try:
        pairs = [part.strip().split(".") for part in text.split(",")]
        return frozenset((int(layer), int(head)) for layer, head in pairs)
    except ValueError as error:
        raise UserError(f"{text!r} is no set of heads: write LAYER.HEAD, apart by commas, as in 4.2,5.0.") from error


def _others(config: Config, task: Task, seed: int) -> list[Any]:
    """Items of the pool that are not among the examples."""
    from workbench.errors import UserError

    order = task.examples(len(task.pool), seed)[config.examples :][: config.reference_prompts]
    if not order:
        raise UserError(f"{task.name} has {len(task.pool)} pool items, all shown as examples: none is left for a mean.")
    return list(order)


def _task(config: Config, name: str) -> Task:
    from workbench.prompt_sets import checked_task

    settings: dict[str, Any] = {"format": config.format, "examples": config.examples}
    return checked_task(name, **settings, data=config.data, max_new_tokens=config.max_new_tokens)


def _scores(config: Config, task: Task) -> list[Score]:
    from workbench.scoring import scores_for

    return scores_for(task, config.scores or (), allow_code_execution=config.allow_code_execution)


if __name__ == "__main__":
    from workbench.cli.run import run_as_script

    run_as_script(__file__)
