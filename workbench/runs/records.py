"""provenance.json: written when a run starts and again when it is finished, adding to what was there."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from workbench.runs.cells import Slot
from workbench.runs.files import sha256, write_json
from workbench.runs.folder import COMPLETIONS, MEASUREMENTS, RunFolder
from workbench.runs.memory import Plan
from workbench.runs.provenance import environment, metric_signatures, settings_of_note

PROVENANCE = "provenance.json"


@dataclass
class Start:
    """One start of a run; one that was killed or stopped has no seconds."""

    command: tuple[str, ...]
    started: str
    """Date and time, UTC."""
    computed: int = 0
    """Cells that it finished."""
    seconds: float | None = None
    clock: float = field(default_factory=time.perf_counter, repr=False)


def write_provenance(
    folder: RunFolder,
    *,
    analysis: str,
    settings: Mapping[str, Any],
    slots: Sequence[Slot],
    versions: Mapping[str, str],
    plan: Plan,
    start: Start,
    models: Mapping[str, Any],
    data: Mapping[str, str],
    signatures: Mapping[str, str],
) -> None:
    """Write down what the run's numbers are made with; of earlier starts, their times and models are kept."""
    earlier = read_provenance(folder.path)
    starts = [other for other in earlier.get("starts", []) if other.get("started") != start.started]
    this_start = {name: value for name, value in asdict(start).items() if name != "clock"}
    done = [slot for slot in slots if folder.state(slot) == "done"]
    content = {
        "analysis": analysis,
        **settings_of_note(settings),
        "models": {**earlier.get("models", {}), **models},
        "data": dict(data),
        "metrics": {**_measured(folder), **signatures},
        "plan": {"threads": plan.threads, "batches": {str(at): size for at, size in plan.batches.items()}},
        "environment": environment(),
        "made_by": dict(versions),
        "starts": [*starts, this_start],
        "cells_done": f"{len(done)} of {len(slots)}",
        "seconds_measuring": round(sum(folder.cell_record(slot)["seconds"] for slot in done), 3),
        "files": _hashes(folder.path),
        "settings": dict(settings),
        "cells": [{"name": slot.name, **folder.cell_record(slot)} for slot in done],
    }
    write_json(folder.path / PROVENANCE, content)


def read_provenance(folder: Path) -> dict[str, Any]:
    """What was written down last; empty if nothing was, or it is damaged."""
    try:
        content = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _measured(folder: RunFolder) -> dict[str, str]:
    path = folder.path / MEASUREMENTS
    return metric_signatures(pq.read_schema(path).names) if path.exists() else {}


def _hashes(folder: Path) -> dict[str, str]:
    return {name: sha256(folder / name) for name in (MEASUREMENTS, COMPLETIONS) if (folder / name).exists()}
