"""`workbench convert FOLDER`: pickled weights into safetensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from workbench.errors import UserError

_WHAT = (
    "Write the pickled weights (pytorch_model.bin) of a downloaded checkpoint as safetensors beside them. The pickles are "
    "opened for weights only: one that holds anything else is refused."
)


@dataclass(frozen=True)
class Options:
    """What to convert."""

    folder: Annotated[Path, tyro.conf.Positional]
    """Folder of a downloaded checkpoint."""


def main(arguments: Sequence[str]) -> int:
    """Convert a folder and print what was written."""
    asked: Any = tyro.cli(Options, prog="workbench convert", description=_WHAT, args=arguments)
    from workbench.models.convert import convert

    try:
        written = convert(asked.folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"Cannot write to {asked.folder} ({reason}): copy the checkpoint where it can be.") from error
    for path in written:
        print(path)
    return 0
