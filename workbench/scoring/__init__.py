"""Scores of completions: what each prompt contributes, and the corpus score of any sum of contributions.

score = score_named("bleu")
rows = np.array([score.statistics(Scored("le chat", "le chat noir")), ...])
score.aggregate(rows.sum(0))
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from workbench.errors import UserError
from workbench.scoring.agreement import agreement
from workbench.scoring.base import Score, Scored
from workbench.scoring.bleu import default_bleu, paper_bleu
from workbench.scoring.chrf import chrf
from workbench.scoring.divergence import divergence
from workbench.scoring.exact_match import exact_match
from workbench.scoring.log_probability import log_probability
from workbench.scoring.pass_at_1 import NAME as PASS_AT_1
from workbench.scoring.pass_at_1 import PassAt1, pass_at_1
from workbench.scoring.same_value import same_value_score
from workbench.scoring.sentences import first_sentence
from workbench.tasks.task import Task

__all__ = ["SCORE_NAMES", "Score", "Scored", "first_sentence", "score_named", "scores_for"]

_WITH_LANGUAGE: dict[str, Callable[[str], Score]] = {"bleu": paper_bleu, "bleu_default": default_bleu}
_WITHOUT: dict[str, Callable[[], Score]] = {
    "chrf": chrf,
    "exact_match": exact_match,
    "same_value": same_value_score,
    "log_probability": log_probability,
    "agreement": agreement,
    "divergence": divergence,
}
SCORE_NAMES: tuple[str, ...] = (*_WITH_LANGUAGE, PASS_AT_1, *_WITHOUT)


def score_named(name: str, target_language: str = "", *, allow_code_execution: bool = False) -> Score:
    """The score of that name; `UserError` with the nearest names if there is none.

    `target_language` (a FLORES code, a two-letter code or an English name) chooses BLEU's tokenizer for
    Chinese and Japanese, and changes nothing else: `aggregate` is the same for every language.
    `allow_code_execution` is for scores that run what a model writes: without it they measure nothing.
    """
    if name == PASS_AT_1:
        return pass_at_1(allow_code_execution)
    if name in _WITH_LANGUAGE:
        return _WITH_LANGUAGE[name](target_language)
    if name in _WITHOUT:
        return _WITHOUT[name]()
    nearest = difflib.get_close_matches(name, SCORE_NAMES, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(nearest)}?" if nearest else "choose one."
    raise UserError(f"There is no score named {name!r}; {hint} The scores are {', '.join(SCORE_NAMES)}.")


def scores_for(task: Task, names: Sequence[str] = (), *, allow_code_execution: bool = False) -> list[Score]:
    """The scores of those names for a task: without names its own, log-probability, agreement and divergence.

    Raises:
        UserError: a name is unknown, or a score that executes code was not allowed or cannot be computed here.
    """
    chosen = dict.fromkeys(names or (task.score, "log_probability", "agreement", "divergence"))
    scores = [score_named(name, task.target_language, allow_code_execution=allow_code_execution) for name in chosen]
    for score in scores:
        if isinstance(score, PassAt1):
            score.check(task)
    return scores
