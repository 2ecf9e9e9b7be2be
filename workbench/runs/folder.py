"""A run's folder: who it belongs to, which of its cells are finished, and the tables made of them.

    config.yaml           settings, as `--config` reads them
    provenance.json       what the numbers were made with
    plan.json             batch sizes and threads, fixed when the run starts
    cells/NNNN-KEY.*      a finished cell's rows (parquet) and its key, hash and time (json)
    measurements.parquet  completions.parquet  figures/  index.html

A cell is finished when its json file is there: it is written last. Nothing is ever changed in place.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from workbench.errors import UserError
from workbench.runs.cells import Slot
from workbench.runs.files import PART, sha256, write_json, write_text, write_whole
from workbench.runs.tables import arrow_table, completion_table, measurement_table, merged, write_table

CONFIG = "config.yaml"
MEASUREMENTS = "measurements.parquet"
COMPLETIONS = "completions.parquet"

State = Literal["done", "missing", "damaged", "stale"]
"""Stale: finished, but by other code, weights, data or library versions than there are now."""


@dataclass(frozen=True)
class RunFolder:
    """A folder that holds one run. Made by `claim` (to run) or `existing` (to read)."""

    path: Path

    @classmethod
    def claim(
        cls, path: Path, analysis: str, settings: Mapping[str, Any], summary_only: Sequence[str] = ()
    ) -> RunFolder:
        """The folder as this configuration's own: new, empty, or begun by the same configuration.

        Settings named in `summary_only` may differ from last time; they change no measurement.

        Raises:
            UserError: it holds something else, or cannot be written.
        """
        folder = cls(path)
        wanted = {"analysis": analysis, **settings}
        try:
            if path.exists() and not path.is_dir():
                raise UserError(f"{path} is a file: give a folder as --out.")
            # A run that was refused before its first cell leaves nothing worth keeping.
            if (path / CONFIG).exists() and any(folder.cells.glob("*")):
                _refuse_others(path, folder.config(), wanted, summary_only)
            elif (
                not (path / CONFIG).exists()
                and path.is_dir()
                and any(p for p in path.iterdir() if p.name != CONFIG + PART)
            ):
                raise UserError(f"{path} is not empty and holds no run: give an empty or new folder as --out.")
            folder.cells.mkdir(parents=True, exist_ok=True)
            write_text(path / CONFIG, yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True))
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(
                f"Cannot write to {path} ({reason}): give another --out, or make room or rights there."
            ) from error
        return folder

    @classmethod
    def existing(cls, path: Path) -> RunFolder:
        """A finished run's folder, to read.

        Raises:
            UserError: it holds no run, or one that is not finished.
        """
        if not (path / CONFIG).is_file():
            raise UserError(f"{path} holds no run: expected a folder with {CONFIG} that `workbench run` made.")
        if not (path / MEASUREMENTS).is_file():
            raise UserError(f"The run in {path} is not finished: start the same command again, then go on.")
        return cls(path)

    @property
    def cells(self) -> Path:
        """Where the finished cells lie."""
        return self.path / "cells"

    def config(self) -> dict[str, Any]:
        """Name of the analysis and all settings, as first written."""
        try:
            content = yaml.safe_load((self.path / CONFIG).read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError):
            content = None
        if not isinstance(content, dict) or "analysis" not in content:
            raise UserError(f"{self.path / CONFIG} is damaged: restore it, or give another --out.")
        return content

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Inside: no second process runs in this folder. The lock goes with the process, however it ends."""
        with (self.path / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    f"Another process is running in {self.path}: wait for it, or give another --out."
                ) from error
            except OSError:
                pass  # Some network file systems have no locks; whole files still keep the run intact.
            for part in self.path.rglob("*" + PART):
                part.unlink()
            yield

    def state(self, slot: Slot) -> State:
        """Whether a cell is done and, if not, why it must be computed."""
        record = self.cells / f"{slot.name}.json"
        if not record.exists():
            others = self.cells.glob(f"{slot.index:04d}-*.json")
            return "stale" if any(others) else "missing"
        try:
            content = json.loads(record.read_text(encoding="utf-8"))
            whole = content["key"] == slot.key and content["sha256"] == sha256(self._rows(slot))
        except (OSError, ValueError, KeyError, TypeError):
            whole = False
        return "done" if whole else "damaged"

    def write_cell(self, slot: Slot, table: pd.DataFrame, record: Mapping[str, Any]) -> None:
        """Keep a finished cell: its rows, then the record that makes them count, both whole or not at all.

        `record` is anything worth knowing of it (seconds, batch size). What an earlier version of the cell
        left is removed afterwards.
        """
        rows = self._rows(slot)
        write_whole(rows, lambda part: write_table(arrow_table(table), part))
        facts = {"key": slot.key, "sha256": sha256(rows), "cell": slot.described, "rows": len(table)}
        write_json(self.cells / f"{slot.name}.json", {**facts, **record})
        for other in self.cells.glob(f"{slot.index:04d}-*"):
            if other.stem != slot.name:
                other.unlink()

    def cell_record(self, slot: Slot) -> dict[str, Any]:
        """What was written down beside a finished cell's rows."""
        content: dict[str, Any] = json.loads((self.cells / f"{slot.name}.json").read_text(encoding="utf-8"))
        return content

    def read_cell(self, slot: Slot) -> pd.DataFrame:
        """The rows of a finished cell."""
        return pq.read_table(self._rows(slot)).to_pandas()

    def merge(self, slots: Sequence[Slot]) -> None:
        """Make the run's tables from its finished cells, in the order given."""
        table = merged([self._rows(slot) for slot in slots])
        write_whole(self.path / MEASUREMENTS, lambda part: write_table(measurement_table(table), part))
        texts = completion_table(table)
        if texts is not None:
            write_whole(self.path / COMPLETIONS, lambda part: write_table(texts, part))

    def measurements(self) -> pd.DataFrame:
        """What was measured, one row per condition and prompt."""
        return self._read(MEASUREMENTS).to_pandas()

    def completions(self) -> pd.DataFrame:
        """The texts beside what they are about; without rows and columns if the analysis has none."""
        return self._read(COMPLETIONS).to_pandas() if (self.path / COMPLETIONS).exists() else pd.DataFrame()

    def table(self) -> pd.DataFrame:
        """Both tables side by side, as `measure` made them; the settings are in `attrs["settings"]`."""
        measurements, completions = self.measurements(), self.completions()
        added = [name for name in completions.columns if name not in measurements.columns]
        # Both were written from the same rows in the same order.
        table = pd.concat([measurements, completions[added]], axis=1)
        table.attrs["settings"] = self.config()
        return table

    def _rows(self, slot: Slot) -> Path:
        return self.cells / f"{slot.name}.parquet"

    def _read(self, name: str) -> pa.Table:
        try:
            return pq.read_table(self.path / name)
        except (OSError, pa.ArrowException) as error:
            raise UserError(
                f"{self.path / name} cannot be read ({str(error).splitlines()[0]}): delete it and run again."
            ) from error


def _refuse_others(
    path: Path, there: Mapping[str, Any], wanted: Mapping[str, Any], summary_only: Sequence[str]
) -> None:
    """Refuse a folder whose settings differ, naming those that do."""
    missing = "not set"
    differing = [
        f"{name} is {there.get(name, missing)!r} there and {wanted.get(name, missing)!r} here"
        for name in dict.fromkeys([*wanted, *there])
        if name not in summary_only and there.get(name, missing) != wanted.get(name, missing)
    ]
    if differing:
        raise UserError(
            f"{path} holds a run of another configuration ({'; '.join(differing)}): give another --out, or "
            "the same settings to go on with it."
        )
