"""The first sentence of a completion, which is all that paper A scores.

The paper calls nltk's `sent_tokenize`, which loads a Punkt model trained on English newspapers from a
separate download. Here the same Punkt algorithm runs with the few abbreviations below and no trained
collocations or sentence starters, so nothing is downloaded. The two differ only at a full stop after a rare
abbreviation (ours may cut there) and after one of these abbreviations at a true end of sentence (ours does
not cut there).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nltk.tokenize.punkt import PunktSentenceTokenizer

# Lower case and without the last full stop, as Punkt stores them. Words that also end sentences are left out.
_ABBREVIATIONS = """
    adm apr aug ave capt cf cmdr col corp dec dept dr e.g etc feb fig gen gov hon i.e inc jan jr lt ltd maj
    messrs mr mrs ms mt nov oct p.m a.m ph.d phd prof rev sept sgt sr st u.k u.n u.s u.s.a vol vs av j.-c m
    mm p.ex bzw d.h dipl ggf hr nr u.a usw z.b dra ee.uu pág sra srta ud uds dott
"""


@cache
def _punkt() -> PunktSentenceTokenizer:
    # nltk takes most of a second to import, and only this function needs it.
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

    parameters = PunktParameters()
    parameters.abbrev_types = set(_ABBREVIATIONS.split())
    return PunktSentenceTokenizer(parameters)


def first_sentence(text: str) -> str:
    """The first sentence of a text, without surrounding white space; "" for a text of white space only.

    Source: paper A's scoring code (`sent_tokenize(text)[0]`), with the difference that the module describes.
    """
    stripped = text.strip()
    if not stripped:
        return ""
    start, end = next(iter(_punkt().span_tokenize(stripped)))
    return stripped[start:end]
