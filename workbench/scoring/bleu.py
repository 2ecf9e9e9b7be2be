"""Corpus BLEU from sacrebleu's n-gram counts, in paper A's setting and in sacrebleu's own default.

Paper A: lower case, 13a tokens, and only the first sentence of the completion. A completion that is empty
matches nothing and scores 0 (the paper's replacement by the word "blank" concerns values that are not text
at all). `aggregate` is the formula of `sacrebleu.BLEU.compute_bleu` with exponential smoothing, for whole
arrays at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from workbench.errors import UserError
from workbench.scoring.base import Score, Scored
from workbench.scoring.sentences import first_sentence

if TYPE_CHECKING:
    from sacrebleu.metrics import BLEU

ORDER = 4
"""Longest n-gram. The statistics are: completion tokens, reference tokens, ORDER matches, ORDER totals."""

_TOKENIZERS = {
    **dict.fromkeys(["zho", "zh", "chinese"], "zh"),
    **dict.fromkeys(["jpn", "ja", "japanese"], "ja-mecab"),
}


def tokenizer_for(target_language: str) -> str:
    """sacrebleu's tokenizer: "13a" but for Chinese and Japanese, as paper A chooses by file name.

    `target_language` is a FLORES code ("zho_Hans"), a two-letter code, an English name, or "" for 13a.
    """
    return _TOKENIZERS.get(target_language.split("_", maxsplit=1)[0].lower(), "13a")


@cache
def _metric(lowercase: bool, tokenize: str) -> BLEU:
    from sacrebleu.metrics import BLEU

    try:
        # force: a space before the full stop is what some tasks ask for, not a mistake to warn of.
        metric = BLEU(lowercase=lowercase, tokenize=tokenize, force=True)
    except (ImportError, RuntimeError) as error:
        raise UserError(
            f"BLEU with sacrebleu's tokenizer {tokenize!r} cannot be computed: {error} "
            "Install what it names, or choose the score chrf, which needs no tokenizer."
        ) from error
    metric.num_refs = 1  # as sacrebleu sets it when it reads a corpus; the signature needs it
    return metric


@lru_cache(maxsize=2**16)
def _counts(completion: str, reference: str, lowercase: bool, tokenize: str) -> tuple[float, ...]:
    """sacrebleu's statistics of one pair; remembered, because late masks leave completions equal."""
    rows = _metric(lowercase, tokenize)._extract_corpus_statistics([completion], [[reference]])
    return tuple(float(value) for value in rows[0])


@dataclass(frozen=True)
class Bleu(Score):
    """Corpus BLEU, 0 to 100. Equal to `sacrebleu.corpus_bleu` over the same texts."""

    lowercase: bool = False
    first_sentence_only: bool = False
    """Of the completion; the reference is always whole."""
    tokenize: str = "13a"

    def statistics(self, scored: Scored) -> list[float]:
        """Completion tokens, reference tokens, then matches and totals for n-grams of 1 to 4 tokens."""
        completion = first_sentence(scored.completion) if self.first_sentence_only else scored.completion
        return list(_counts(completion, scored.reference, self.lowercase, self.tokenize))

    def aggregate(self, statistics: Float[np.ndarray, "*batch 10"]) -> Float[np.ndarray, "*batch"]:
        """BLEU of summed statistics; 0 where no word matches. Agrees with `sacrebleu.BLEU.compute_bleu`."""
        completion_length, reference_length = statistics[..., 0], statistics[..., 1]
        matches, totals = statistics[..., 2 : 2 + ORDER], statistics[..., 2 + ORDER :]
        with np.errstate(divide="ignore", invalid="ignore"):
            brevity = np.exp(np.minimum(0.0, 1 - reference_length / completion_length))
            logarithms = np.log(_precisions(matches, totals))
            scores = brevity * np.exp(logarithms.sum(-1) / ORDER)
        anything = (matches > 0).any(-1) & (completion_length > 0)
        return np.asarray(np.where(anything, scores, 0.0))


def _precisions(
    matches: Float[np.ndarray, "*batch order"], totals: Float[np.ndarray, "*batch order"]
) -> Float[np.ndarray, "*batch order"]:
    """In percent. The k-th order without a match counts as 1/2**k of one; an order without n-grams is 0."""
    present = np.logical_and.accumulate(totals > 0, axis=-1)
    unmatched = present & (matches == 0)
    smoothed = np.where(unmatched, 0.5 ** np.cumsum(unmatched, axis=-1), matches)
    return np.where(present, 100.0 * smoothed / totals, 0.0)


def _signature(lowercase: bool, tokenize: str) -> str:
    return str(_metric(lowercase, tokenize).get_signature())


def paper_bleu(target_language: str = "") -> Bleu:
    """Paper A's BLEU: lower case, first sentence of the completion, 13a (Chinese and Japanese apart)."""
    tokenize = tokenizer_for(target_language)
    return Bleu(
        name="bleu",
        label="BLEU (0 to 100; lower case, first sentence)",
        signature=f"{_signature(True, tokenize)}|text:first-sentence-punkt",
        lowercase=True,
        first_sentence_only=True,
        tokenize=tokenize,
    )


def default_bleu(target_language: str = "") -> Bleu:
    """sacrebleu's default BLEU over the whole completion, case kept."""
    tokenize = tokenizer_for(target_language)
    return Bleu(name="bleu_default", label="BLEU (0 to 100)", signature=_signature(False, tokenize), tokenize=tokenize)
