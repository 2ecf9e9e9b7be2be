"""Which heads continue patterns: how much does each match prefixes and copy, on random tokens?

Prefix matching and copying scores of every head (Bansal et al. 2023, paper C; Olsson et al. 2022), on random tokens
that mean nothing, so that only the pattern can be continued. Heads that matter for a task (head-ablation,
activation-patching) may be compared with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.batches import spans
from workbench.settings import ModelSettings

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from workbench.models.model import Model
    from workbench.runs.pages import Page


@dataclass(frozen=True)
class Config(ModelSettings):
    """Settings of the scores."""

    length: int = 25
    """Different tokens that are repeated. Paper C draws 25 to 223, by sequence."""
    repeats: int = 4
    """How often they stand there, the first time included."""
    sequences: int = 20
    """Random sequences of each kind. Paper C: 100."""
    seed: int = 0
    """Of the random tokens."""
    batch_size: int = 10
    """Sequences run together."""


@dataclass(frozen=True)
class Cell:
    """Some of the sequences."""

    start: int
    stop: int


def cells(config: Config) -> list[Cell]:
    """What can be measured apart. Refuses settings that make no sequence."""
    from workbench.errors import UserError

    least = {"length": 2, "repeats": 2, "sequences": 1, "batch_size": 1}
    for name, smallest in least.items():
        if getattr(config, name) < smallest:
            words = name.replace("_", " ")
            raise UserError(f"The {words} is {getattr(config, name)}; give {smallest} or more.")
    return [Cell(*span) for span in spans(config.sequences, config.batch_size)]


def measure(config: Config, cell: Cell, model: Model, progress: Callable[[int], object] | None = None) -> pd.DataFrame:
    """Score every head on some sequences: a row for each sequence, layer and head."""
    import pandas as pd

    from workbench.internals.induction import copying, even_attention, prefix_matching, random_texts
    from workbench.random_streams import stream

    numbers = range(cell.start, cell.stop)
    # A stream for each sequence, so that one more leaves the others as they are.
    texts = random_texts(
        model, config.length, config.repeats, [stream(config.seed, "random tokens", number) for number in numbers]
    )
    matching, copied = prefix_matching(model, texts).tolist(), copying(model, texts).tolist()
    even = even_attention(texts)
    rows = [
        {
            "prompt": f"random tokens {number}",
            "layer": layer,
            "head": head,
            "prefix_matching": matching[place][layer][head],
            "copying": copied[place][layer][head],
            "even_attention": even,
        }
        for place, number in enumerate(numbers)
        for layer in range(model.n_layers)
        for head in range(model.n_heads)
    ]
    if progress is not None:
        progress(len(numbers))
    return pd.DataFrame(rows).assign(
        model=model.name,
        n_layers=model.n_layers,
        task="random tokens",
        seed=config.seed,
        length=config.length,
        repeats=config.repeats,
    )


def figures(table: pd.DataFrame) -> dict[str, go.Figure]:
    """Both scores of every head, layer by head."""
    from workbench.views.induction import pictures

    return {picture.name: picture.figure for picture in pictures(table)}


def page(table: pd.DataFrame, completions: pd.DataFrame) -> Page:
    """The report: both scores as a picture, the highest in words, every head in a table."""
    from workbench.runs.pages import Page, model_names
    from workbench.views.induction import findings, pictures, score_table

    return Page(
        f"Induction scores of the heads of {model_names(table)}", pictures(table), [score_table(table)], findings(table)
    )


def layer_profile(table: pd.DataFrame) -> pd.DataFrame:
    """For the overview: the highest prefix-matching score of each layer."""
    from workbench.views.induction import induction_profile

    return induction_profile(table)


if __name__ == "__main__":
    from workbench.cli.run import run_as_script

    run_as_script(__file__)
