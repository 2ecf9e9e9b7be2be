"""The batch plan: how many prompts run together, fixed when a run starts, halved where memory runs out.

Batches can show in the last bits of a number. So the plan lies in the run's folder: a run that is taken up
again, or one of whose cells is computed again, uses the batch sizes and the number of threads it had.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from workbench.runs.files import write_json

PLAN = "plan.json"


@dataclass
class Plan:
    """Batch sizes by cell, and threads. `batches` maps the index of a cell to the size from that cell on."""

    path: Path
    threads: int
    batches: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, batch_size: int | None) -> Plan:
        """The plan in the folder, or a new one that starts with `batch_size` (None: nothing is batched)."""
        path = folder / PLAN
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            batches = {int(index): int(size) for index, size in content["batches"].items()}
            return cls(path, int(content["threads"]), batches)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            plan = cls(path, usable_threads(), {} if batch_size is None else {0: batch_size})
            plan.save()
            return plan

    def batch_size(self, index: int) -> int | None:
        """Prompts that run together in the cell of that index; None if nothing is batched."""
        starts = [start for start in self.batches if start <= index]
        return self.batches[max(starts)] if starts else None

    def halve(self, index: int) -> bool:
        """Halve the batches from that cell on; False if there is nothing left to halve."""
        size = self.batch_size(index)
        if size is None or size < 2:
            return False
        self.batches = {start: there for start, there in self.batches.items() if start < index or start == 0}
        self.batches[index] = size // 2
        self.save()
        return True

    def save(self) -> None:
        """Write the plan down before it is used."""
        batches = {str(index): size for index, size in sorted(self.batches.items())}
        write_json(self.path, {"threads": self.threads, "batches": batches})


def usable_threads() -> int:
    """Processor threads: as OMP_NUM_THREADS says, else one for each core that this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return len(cores)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on a GPU or in the machine."""
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(error, RuntimeError):
        return False
    # On the CPU torch has no class of its own for it.
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
