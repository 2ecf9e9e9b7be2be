"""The toy analysis, and a run of it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TOYS = Path(__file__).parent.parent / "toys"


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of the toy analysis."""
    monkeypatch.syspath_prepend(TOYS)
    return importlib.import_module("toy_analyses.counting")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], list[str]]:
    """Lines of what the toy did since last asked."""
    path = tmp_path / "toy.log"
    monkeypatch.setenv("TOY_LOG", str(path))

    def read() -> list[str]:
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    return read


@pytest.fixture
def run_toy(toy: ModuleType, tmp_path: Path) -> Callable[..., Any]:
    """The folder of a run of the toy: `run_toy(seeds=(0,), out="other")`; what it says is in `.said`."""
    from workbench.runs.runner import run

    def start(out: str = "run", **settings: Any) -> Any:
        start.said = []  # type: ignore[attr-defined]
        return run(
            toy,
            toy.Config(**settings),
            tmp_path / out,
            command=("workbench", "run", "counting"),
            progress=False,
            tell=start.said.append,  # type: ignore[attr-defined]
        ).folder

    return start
