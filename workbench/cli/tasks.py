"""`workbench tasks`: what a model can be asked in context, and how well the embedded one answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any

import tyro

from workbench.errors import UserError

SHOWN = ("instr_none_QA", 5)
"""Format and number of examples of the scores that are shown."""
COLUMNS = ("task", "kind", "what it asks", "mini's score", "of its training")
NOTE = (
    "mini's score: on held-out prompts with 5 examples and no instructions; of several tasks, the mean and the worst "
    "trained one.\nOf its training: the share of all prompts; 0 % for what training left out."
)


@dataclass(frozen=True)
class Options:
    """List the tasks; capitals in a name stand for what you choose."""

    pattern: Annotated[str, tyro.conf.Positional] = ""
    """Show each task that this fits instead, as in 'translate-*'."""


def main(arguments: Sequence[str]) -> int:
    """Print the families of tasks, or each task that a pattern fits."""
    asked: Any = tyro.cli(Options, prog="workbench tasks", args=arguments)
    from workbench.cli.show import show_table

    rows = list(_each(asked.pattern) if asked.pattern else _families())
    if not rows:
        raise UserError(f"No task fits {asked.pattern!r}; `workbench tasks` lists those there are.")
    show_table("", COLUMNS, rows)
    print(NOTE)
    return 0


def _families() -> Iterator[tuple[str, ...]]:
    from workbench.tasks.registry import families

    for family in families():
        yield family.pattern, family.kind, family.description, *_embedded(family.names)


def _each(pattern: str) -> Iterator[tuple[str, ...]]:
    from workbench.tasks.registry import families

    for family in families():
        for name in family.names:
            if fnmatchcase(name, pattern.lower()):
                yield name, family.kind, family.description, *_embedded((name,))


def _embedded(names: Sequence[str]) -> tuple[str, str]:
    """The embedded model's score of those tasks and their share of its training; empty where it was not measured."""
    import pandas as pd

    from workbench.models.registry import MINI

    path = MINI / "scores.csv"
    if not names or not path.is_file():
        return "", ""
    scores = pd.read_csv(path)
    rows = scores[scores["task"].isin(names) & (scores["format"] == SHOWN[0]) & (scores["examples"] == SHOWN[1])]
    if rows.empty:
        return "", ""
    trained = rows[rows["training_share"] > 0]
    of = trained if len(trained) else rows
    unit, factor = ("BLEU", 1) if of["score"].iloc[0] == "bleu" else ("%", 100)
    mean, worst = (factor * float(value) for value in (of["value"].mean(), of["value"].min()))
    score = f"{mean:.1f} {unit}" + (f" ({worst:.1f})" if len(of) > 1 else "")
    return score, f"{rows['training_share'].sum():.2%}"
