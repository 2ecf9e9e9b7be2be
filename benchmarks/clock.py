"""Peers timed in turn, the rate of a large matrix product, and what the machine is."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch

from benchmarks.settings import Settings
from workbench.models.model import Model

T = TypeVar("T")
_SIDE = {"cpu": 1536, "cuda": 8192}
"""Rows and columns of the large product."""
_PRODUCTS = 8
"""Products in a row, so that the clock's grain does not matter."""


def alternated(
    runs: Mapping[str, Callable[[], T]], settings: Settings, repeats: int | None = None
) -> tuple[dict[str, tuple[float, ...]], dict[str, T]]:
    """Seconds of every run, and what each returned last. They take turns: a slow minute of the machine slows all."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    returned: dict[str, T] = {}
    for _ in range(repeats or settings.repeats):
        for name, run in runs.items():
            taken, returned[name] = timed(run, settings)
            seconds[name].append(taken)
            print(f"  {name}: {taken:.2f} s", flush=True)
    return {name: tuple(each) for name, each in seconds.items()}, returned


def timed(run: Callable[[], T], settings: Settings) -> tuple[float, T]:
    """Seconds that a run takes, the device's own work included, and what it returns."""
    clock = time.perf_counter if settings.clock == "wall" else time.process_time
    _wait(settings.device)
    started = clock()
    value = run()
    _wait(settings.device)
    return clock() - started, value


def product_seconds(settings: Settings, dtype: torch.dtype) -> float:
    """Seconds that one floating-point operation takes inside a large matrix product."""
    side = _SIDE[torch.device(settings.device).type]
    left, right = (torch.randn(side, side, device=settings.device).to(dtype) for _ in range(2))
    left @ right
    taken, _ = timed(lambda: [left @ right for _ in range(_PRODUCTS)], settings)
    return taken / (_PRODUCTS * 2 * side**3)


def layer_token_operations(model: Model) -> int:
    """Floating-point operations of the products with one layer's weights, for one token.

    Attention to other tokens and the vocabulary's logits come on top: a floor made of this is a low one.
    """
    cfg = model.hooked.cfg
    heads = 2 * cfg.n_heads + 2 * (cfg.n_key_value_heads or cfg.n_heads)
    products = cfg.d_model * cfg.d_head * heads + cfg.d_model * (cfg.d_mlp or 0) * (3 if cfg.gated_mlp else 2)
    return 2 * products


def hardware(device: str) -> dict[str, Any]:
    """What the times were measured on."""
    found: dict[str, Any] = {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }
    if torch.device(device).type == "cuda":
        found["gpu"] = torch.cuda.get_device_name(torch.device(device))
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{platform.machine()}, {next(named, 'unnamed')}"


def _wait(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(torch.device(device))
