"""How much memory a cell takes at its peak, beside what was estimated before it ran."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.estimates import Said

_PROCESS = Path("/proc/self")


class Watch:
    """Hears the estimates of one cell; the peak counts from the first of them on."""

    def __init__(self, larger: Callable[[Said], object]) -> None:
        """`larger` is called with each estimate that is above those before it."""
        self._larger = larger
        self._estimate: Said | None = None
        self._before: int | None = None

    def __call__(self, estimate: Said) -> None:
        """Hear an estimate, just before what it is about begins."""
        if self._estimate is None:
            self._before = begin()
        if self._estimate is None or estimate.total > self._estimate.total:
            self._estimate = estimate
            self._larger(estimate)

    def record(self) -> dict[str, Any]:
        """The largest estimate and the peak above what was held before, in bytes; nothing where nothing was estimated."""
        if self._estimate is None:
            return {}
        highest = highest_held()
        measured = None if self._before is None or highest is None else highest - self._before
        return {"memory_estimated": self._estimate.total, "memory_measured": measured}


def begin() -> int | None:
    """What is held now, on the GPU if one is in use; the highest counts from here on. None where nothing tells."""
    torch = _on_gpu()
    if torch is not None:
        torch.cuda.reset_peak_memory_stats()
        return int(torch.cuda.memory_allocated())
    # What was freed before and kept for reuse would hide what is taken now: back to the system with it (glibc).
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    try:
        # The kernel's way of setting the high-water mark back (proc(5), clear_refs).
        (_PROCESS / "clear_refs").write_text("5")
    except OSError:
        return None
    return _status("VmRSS")


def highest_held() -> int | None:
    """The most that was held since `begin`, in bytes; None where nothing tells."""
    torch = _on_gpu()
    return int(torch.cuda.max_memory_allocated()) if torch is not None else _status("VmHWM")


def _on_gpu() -> Any:
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_initialized() else None


def _status(name: str) -> int | None:
    try:
        lines = (_PROCESS / "status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = (line for line in lines if line.startswith(f"{name}:"))
    return next((int(line.split()[1]) * 1024 for line in found), None)
