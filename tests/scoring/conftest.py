"""Texts that the score tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

PAIRS = [
    ("le chat dort sur le canapé .", "Le chat dort sur le canapé rouge."),
    ("Il a 3,5 ans. Il dort.", "Il a 3,5 ans et il dort."),
    ("", "Une phrase entière que personne n'a traduite."),
    ("The cat", "Les petits chats ne voient pas la maison rouge ."),
    ("« Bonjour », dit-elle; puis rien (vraiment).", "« Bonjour », dit-elle, puis plus rien (vraiment)."),
    ("les petits chats ne voient pas la maison rouge .", "Les petits chats ne voient pas la maison rouge ."),
    ("你好世界。", "你好，世界。"),
    ("mot " * 30, "mot pour mot"),
]


@pytest.fixture
def pairs() -> list[tuple[str, str]]:
    """Completions and references: equal, close, empty, foreign, repeated, much too long."""
    return PAIRS


@pytest.fixture
def flores(real_data: Path) -> Callable[[str, str], list[tuple[str, str]]]:
    """The first 200 sentences of FLORES devtest in two languages, side by side."""

    def read(code: str) -> list[str]:
        path = real_data / "flores200" / "devtest" / f"{code}.devtest"
        return path.read_text(encoding="utf-8").splitlines()[:200]

    return lambda written, wanted: list(zip(read(written), read(wanted), strict=True))
