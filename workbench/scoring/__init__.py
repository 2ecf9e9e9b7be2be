"""Scores of completions: what each prompt contributes, and the corpus score of any sum of contributions.

score = score_named("bleu")
rows = np.array([score.statistics(Scored("le chat", "le chat noir")), ...])
score.aggregate(rows.sum(0))
"""

from __future__ import annotations

import difflib
from collections.abc import Callable

from workbench.errors import UserError
from workbench.scoring.agreement import agreement
from workbench.scoring.base import Score, Scored
from workbench.scoring.bleu import default_bleu, paper_bleu
from workbench.scoring.chrf import chrf
from workbench.scoring.divergence import divergence
from workbench.scoring.exact_match import exact_match
from workbench.scoring.log_probability import log_probability
from workbench.scoring.sentences import first_sentence

__all__ = ["SCORE_NAMES", "Score", "Scored", "first_sentence", "score_named"]

_WITH_LANGUAGE: dict[str, Callable[[str], Score]] = {"bleu": paper_bleu, "bleu_default": default_bleu}
_WITHOUT: dict[str, Callable[[], Score]] = {
    "chrf": chrf,
    "exact_match": exact_match,
    "log_probability": log_probability,
    "agreement": agreement,
    "divergence": divergence,
}
SCORE_NAMES: tuple[str, ...] = (*_WITH_LANGUAGE, *_WITHOUT)


def score_named(name: str, target_language: str = "") -> Score:
    """The score of that name; `UserError` with the nearest names if there is none.

    `target_language` (a FLORES code, a two-letter code or an English name) chooses BLEU's tokenizer for
    Chinese and Japanese, and changes nothing else: `aggregate` is the same for every language.
    """
    if name in _WITH_LANGUAGE:
        return _WITH_LANGUAGE[name](target_language)
    if name in _WITHOUT:
        return _WITHOUT[name]()
    nearest = difflib.get_close_matches(name, SCORE_NAMES, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(nearest)}?" if nearest else "choose one."
    raise UserError(f"There is no score named {name!r}; {hint} The scores are {', '.join(SCORE_NAMES)}.")
