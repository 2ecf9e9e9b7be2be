"""The folder of a training: whose it is, whether it is finished, and the state that going on needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workbench.errors import UserError
from workbench.learning.fit import Fitted
from workbench.runs.files import write_json

RECIPE, STATE, RECORD = "recipe.json", "state.pt", "training.json"


class TrainingFolder:
    """Where a training lies: its recipe, its state while it is on the way, its record when it is finished."""

    def __init__(self, path: Path, recipe: Mapping[str, Any], made_by: Mapping[str, Any]) -> None:
        self.path = path
        self._wanted = json.loads(json.dumps({"recipe": dict(recipe), "made_by": dict(made_by)}))

    @property
    def state(self) -> Path:
        """The file with the state of a training on the way."""
        return self.path / STATE

    def claim(self) -> None:
        """Make the folder this training's. What other code or libraries left in it is trained anew.

        Raises:
            UserError: it holds a training by other settings, or cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            there = self._read(RECIPE)
            if there and there.get("recipe") != self._wanted["recipe"]:
                raise UserError(_other_settings(self.path, there.get("recipe") or {}, self._wanted["recipe"]))
            if there and there.get("made_by") != self._wanted["made_by"]:
                for name in (RECORD, STATE):
                    (self.path / name).unlink(missing_ok=True)
            write_json(self.path / RECIPE, self._wanted)
        except OSError as error:
            raise UserError(f"Cannot write to {self.path} ({error.strerror or error}): give another --out.") from error

    def finished(self) -> Fitted | None:
        """The record of a finished training; None if there is none."""
        content = self._read(RECORD)
        return Fitted(**content) if content else None

    def finish(self, found: Fitted) -> None:
        """Say that the training is finished: after its weights were written, for this is what makes them count."""
        write_json(self.path / RECORD, asdict(found))
        self.state.unlink(missing_ok=True)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            content = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


def _other_settings(path: Path, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    names = [name for name in dict.fromkeys([*wanted, *there]) if there.get(name) != wanted.get(name)]
    differing = "; ".join(f"{name} is {there.get(name)!r} there and {wanted.get(name)!r} here" for name in names)
    return f"{path} holds a training by other settings ({differing}): give another --out, or the same settings to go on with it."
