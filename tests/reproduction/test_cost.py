"""What a run is said to take follows the cells that it has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analyses import attention_removal
from workbench.models.skeleton import skeleton
from workbench.reproduction import cost
from workbench.reproduction.experiments import Asked, Part
from workbench.reproduction.rate import Rate
from workbench.reproduction.work import Work


@pytest.mark.parametrize(("shows", "times"), [("examples", 2), ("neither", 1)])
def test_prompts_without_examples_are_counted_for_one_seed(
    tiny_checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, shows: str, times: int
) -> None:
    folder = str(tiny_checkpoint("llama"))
    model = skeleton(folder)
    monkeypatch.setattr(cost, "_rate", lambda *given: Rate(1.0, 1.0, 1.0))

    def work(*seeds: int) -> tuple[Work, int]:
        settings: dict[str, Any] = {
            **{"model": folder, "task": ("translate-en-fr",), "prompts": (shows,), "baselines": ()},
            **{"examples": 1, "limit": 4, "seeds": seeds, "masking": False},
        }
        part = Part("attention-removal", "en-fr", "first", "attention-removal", settings, "", "")
        ready = cost.prepare([part], model, Asked(folder), lambda name: attention_removal).ready[0]
        return ready.work, len(attention_removal.cells(ready.config))

    (one, cells), (two, cells_of_two) = work(0), work(0, 1)
    assert two.reading == times * one.reading
    assert two.writing == times * one.writing
    assert cells_of_two == times * cells
