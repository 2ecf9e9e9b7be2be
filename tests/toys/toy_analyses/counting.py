"""How long is each of a few sentences?

A toy with everything that an analysis can have. What must not show in its settings comes by environment:
TOY_LOG (a file that gets a line for each measured cell), TOY_PAUSE (seconds for each cell), TOY_DIGEST (of
its model), TOY_MEMORY (prompts that fit into memory together).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import UserError

SENTENCES = ("the cat sleeps .", "le chat dort .", "die Katze schläft .", "猫在睡觉。", "el gato duerme .")


@dataclass(frozen=True)
class Config:
    """Settings of the toy."""

    model: tuple[str, ...] = ("small",)
    """Models to count with."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds, each of them a cell."""
    limit: int | None = 3
    """Sentences; None for all."""
    texts: bool = True
    """Whether the texts are kept."""
    data: Path | None = None
    """A folder."""
    batch_size: int = 8
    """Sentences counted together."""
    fraction: float = 0.5
    """Only said in the report."""


@dataclass(frozen=True)
class Cell:
    """One model and seed."""

    model: str
    seed: int


SUMMARY_ONLY = ("fraction",)


class ToyModel:
    """Counts characters."""

    n_layers = 2
    source = "nowhere"

    def __init__(self, name: str) -> None:
        self.name = name
        self.digest = os.environ.get("TOY_DIGEST", name)


class ToyModels:
    """Knows two models."""

    def digest(self, name: str) -> str:
        if name not in ("small", "large"):
            raise UserError(f"Unknown model {name!r}; there are small and large.")
        return os.environ.get("TOY_DIGEST", name)

    def load(self, name: str) -> ToyModel:
        _log(f"load {name}")
        return ToyModel(name)


def models(config: Config) -> ToyModels:
    return ToyModels()


def task_digest(config: Config, cell: Cell) -> str:
    return hashlib.sha256("".join(SENTENCES).encode()).hexdigest()


def signatures(config: Config) -> dict[str, str]:
    return {"length": "characters, spaces counted"}


def cells(config: Config) -> list[Cell]:
    if config.limit is not None and not 0 < config.limit <= len(SENTENCES):
        raise UserError(f"The limit is {config.limit}; give 1 to {len(SENTENCES)}.")
    # Seeds outside: a runner that takes the cells as they come would load each model again and again.
    return [Cell(model, seed) for seed in config.seeds for model in config.model]


def measure(config: Config, cell: Cell, model: ToyModel, progress: Callable[[int], object] | None = None) -> Any:
    import pandas as pd

    fitting = int(os.environ.get("TOY_MEMORY", "1000"))
    if config.batch_size > fitting:
        raise MemoryError(f"{config.batch_size} do not fit")
    time.sleep(float(os.environ.get("TOY_PAUSE", "0")))
    rows = []
    for number, sentence in enumerate(SENTENCES[: config.limit]):
        for layer in range(model.n_layers + 1):
            length = float(len(sentence) * (layer + 1) + cell.seed)
            texts = {"source": sentence, "reference": sentence.upper(), "completion": sentence * layer}
            row = {"model": model.name, "seed": cell.seed, "from_layer": layer, "prompt": f"toy/{number}"}
            row |= {"length": [length, 1.0 / (1 + layer)], "exact_match": [1.0, 1.0]}
            rows.append({**row, **texts, "stopped": "eos"} if config.texts else row)
        if progress is not None:
            progress(1)
    _log(f"{cell.model} {cell.seed} batch {config.batch_size}")
    return pd.DataFrame(rows)


def figures(table: Any) -> dict[str, Any]:
    import plotly.graph_objects as go

    lengths = [value[0] for value in table["length"]]
    fraction = table.attrs["settings"]["fraction"]
    return {"lengths": go.Figure(go.Scatter(y=lengths, name=f"fraction {fraction}"))}


def page(table: Any, completions: Any) -> Any:
    from workbench.runs.pages import Page
    from workbench.views.report import Picture, Table

    counted = table.groupby(["model", "seed"], as_index=False).size()
    return Page(
        "Lengths",
        pictures=[Picture(name, figure) for name, figure in figures(table).items()],
        tables=[Table("Counted", counted)],
        summary=[f"{len(table)} rows, {len(completions)} texts."],
    )


def _log(line: str) -> None:
    if "TOY_LOG" in os.environ:
        with Path(os.environ["TOY_LOG"]).open("a") as log:
            log.write(line + "\n")


if __name__ == "__main__":
    from workbench.cli import catalogue
    from workbench.cli.run import run_as_script

    catalogue.PACKAGE = "toy_analyses"
    run_as_script(__file__)
