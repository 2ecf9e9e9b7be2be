"""`workbench train mini`: the recipe of the embedded model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import make_dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from workbench.cli.catalogue import suggestion
from workbench.errors import UserError

MODELS = {"mini": "the embedded model"}


def main(arguments: Sequence[str]) -> int:
    """Train a model by name."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: workbench train mini --out FOLDER [OPTIONS]\n\nmodels:")
        print("\n".join(f"  {name}  {what}" for name, what in MODELS.items()))
        return 0 if arguments else 2
    name, *rest = arguments
    if name not in MODELS:
        raise UserError(
            f"There is no recipe for a model {name!r}; {suggestion(name, list(MODELS), 'workbench train --help')}"
        )
    return _mini(rest)


def _mini(arguments: Sequence[str]) -> int:
    from workbench.training.recipe import Recipe

    options = make_dataclass(
        "Options",
        [
            ("recipe", Annotated[Recipe, tyro.conf.arg(name="")]),
            ("out", Annotated[Path, tyro.conf.arg(help=_OUT)], Path("runs") / "train-mini"),
        ],
    )
    asked: Any = tyro.cli(options, prog="workbench train mini", description=_WHAT, args=arguments)
    from workbench.models.load import load
    from workbench.training.card import write_card
    from workbench.training.evaluation import evaluate
    from workbench.training.mini import train

    try:
        folder = train(asked.out, asked.recipe)
        if not (folder / "README.md").exists():
            write_card(folder, evaluate(load(str(folder))))
        print(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"Cannot write to {asked.out} ({reason}): give another --out.") from error
    return 0


_OUT = "Folder for the model, its checkpoints and its log; a training that was stopped goes on there."
_WHAT = "Train the embedded model from a seed. The same command goes on after a stop."
