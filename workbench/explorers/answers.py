"""What a model answers under each of many conditions, for one prompt: one sweep."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from workbench.interventions import ANSWERING, EVERYWHERE, Clean, Condition, ContextMask, HeadAblation
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.scoring import Score, scores_for
from workbench.scoring.pass_at_1 import NAME as PASS_AT_1
from workbench.scoring.rows import scored
from workbench.sweep import Outcome, sweep
from workbench.tasks.task import Task


@dataclass(frozen=True)
class Answer:
    """A prompt under one condition."""

    outcome: Outcome
    clean: Outcome
    """The same prompt with nothing done."""
    scores: dict[str, float]
    """By name: of this prompt alone."""

    @property
    def log_probability(self) -> float:
        """Of the reference, in nats per token."""
        return self.scores["log_probability"]

    @property
    def unchanged(self) -> bool:
        """Whether the completion is the unmasked one."""
        return self.outcome.token_ids == self.clean.token_ids


def masked_answers(model: Model, task: Task, prompt: Prompt, mask: str) -> list[Answer]:
    """The answers with the context hidden from layer 0, 1, ..., and never, which comes last.

    Raises:
        UserError: the mask hides nothing in this prompt.
    """
    masks = [ContextMask.named(mask, layer) for layer in range(model.n_layers)]
    return _answers(model, task, prompt, masks)


def ablated_answers(
    model: Model,
    task: Task,
    prompt: Prompt,
    heads: Sequence[tuple[int, int]],
    *,
    everywhere: bool,
    complete: bool,
    clean: Outcome | None = None,
) -> list[Answer]:
    """The answers with each head (layer, head) set to zero alone; the one with nothing done comes last.

    Args:
        model: the model.
        task: what the prompt asks for.
        prompt: the prompt.
        heads: the heads.
        everywhere: whether they are set to zero at every position, or only where the answer is read and written.
        complete: whether completions are wanted; without them it is much quicker.
        clean: what comes with nothing done, where that is known already: then it is not run again.
    """
    where = EVERYWHERE if everywhere else ANSWERING
    asked = prompt if complete else replace(prompt, max_new_tokens=0)
    return _answers(model, task, asked, [HeadAblation({head}, positions=where) for head in heads], clean)


def _answers(
    model: Model, task: Task, prompt: Prompt, conditions: Sequence[Condition], known: Outcome | None = None
) -> list[Answer]:
    outcomes = sweep(model, [prompt], conditions if known else [*conditions, Clean()])
    outcomes += [known] if known else []
    clean, scores = outcomes[-1], _scores(task)
    return [Answer(outcome, clean, _values(prompt, outcome, clean, scores)) for outcome in outcomes]


def _scores(task: Task) -> list[Score]:
    """The scores of a task but for the one that would execute what the model writes."""
    names = [name for name in (task.score, "log_probability", "agreement", "divergence") if name != PASS_AT_1]
    return scores_for(task, names)


def _values(prompt: Prompt, outcome: Outcome, clean: Outcome, scores: Sequence[Score]) -> dict[str, float]:
    shown = scored(prompt, outcome, clean)
    return {score.name: float(score.aggregate(np.array(score.statistics(shown), dtype=float))) for score in scores}


@dataclass(frozen=True)
class Stretch:
    """Consecutive tokens of a completion compared with another."""

    kind: Literal["same", "new", "gone"]
    """`new`: only in this completion; `gone`: only in the other."""
    token_ids: tuple[int, ...]


def differences(token_ids: Sequence[int], before: Sequence[int]) -> list[Stretch]:
    """A completion token by token beside the one `before`; the stretches that are not `gone` make it up."""
    stretches = []
    matcher = difflib.SequenceMatcher(None, list(before), list(token_ids), autojunk=False)
    for kind, start, stop, new_start, new_stop in matcher.get_opcodes():
        if kind == "equal":
            stretches.append(Stretch("same", tuple(token_ids[new_start:new_stop])))
            continue
        if stop > start:
            stretches.append(Stretch("gone", tuple(before[start:stop])))
        if new_stop > new_start:
            stretches.append(Stretch("new", tuple(token_ids[new_start:new_stop])))
    return stretches


def completion_tokens(model: Model, outcome: Outcome) -> tuple[int, ...]:
    """The tokens of a completion up to its stop string."""
    for count in range(len(outcome.token_ids) + 1):
        if model.decode(outcome.token_ids[:count]).strip() == outcome.text.strip():
            return outcome.token_ids[:count]
    # The stop string begins inside a token.
    return outcome.token_ids
