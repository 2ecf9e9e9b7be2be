"""The languages of the grammar, by code."""

from __future__ import annotations

from workbench.tasks.grammar.english import English
from workbench.tasks.grammar.french import French
from workbench.tasks.grammar.german import German
from workbench.tasks.grammar.italian import Italian
from workbench.tasks.grammar.language import Language
from workbench.tasks.grammar.portuguese import Portuguese
from workbench.tasks.grammar.spanish import Spanish

LANGUAGES: dict[str, Language] = {
    language.code: language for language in (English(), French(), German(), Spanish(), Italian(), Portuguese())
}
HELD_OUT_LANGUAGE = "pt"
"""Never trained on: kept for studies that teach `mini` something new."""
TRAINED_LANGUAGES = tuple(code for code in LANGUAGES if code != HELD_OUT_LANGUAGE)
