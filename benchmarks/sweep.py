"""`python -m benchmarks.sweep`: how long a whole sweep takes, each peer on the same weights, prompts and stop rule."""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import tyro

from benchmarks import peers
from benchmarks.shapes import SHAPES, make
from workbench.formats import find_format
from workbench.models.load import load
from workbench.prompts import build_prompt
from workbench.tasks.registry import find_task


@dataclass(frozen=True)
class Settings:
    """What is measured."""

    shape: str = "deep-32"
    """One of mini, deep-16, deep-32, random-12."""
    prompts: int = 16
    """Test prompts, all behind the same five examples."""
    repeats: int = 3
    """Runs of each peer, in turn."""
    threads: int = 2
    """Threads of the processor."""
    peers: tuple[str, ...] = ("fast", "reference", "published", "tuned", "strong")
    """Which peers are run."""
    batch_sizes: tuple[int, ...] = (4, 16)
    """Batch sizes that tuned and strong choose the best of."""
    out: Path = Path("runs/benchmark")
    """Folder for the table."""


def main(settings: Settings) -> pd.DataFrame:
    """Measure, print and write the table."""
    torch.set_num_threads(settings.threads)
    folder = make(settings.shape, settings.out / "shapes")
    model = load(str(folder))
    task = find_task("translate-en-fr")
    format_, shown = find_format("instr_none_QA"), task.examples(5, seed=0)
    prompts = [build_prompt(model, format_, task, shown, item) for item in task.test[: settings.prompts]]
    longest = max(prompt.max_new_tokens for prompt in prompts)
    other = peers.HuggingFace(folder, model)
    layers = model.n_layers
    counted = [0]

    def fast() -> peers.Completed:
        found, counted[0] = peers.ours(model, prompts, layers, fast=True)
        return found

    runs: dict[str, Callable[[], peers.Completed]] = {
        "fast": fast,
        "reference": lambda: peers.ours(model, prompts, layers, fast=False)[0],
        "published": lambda: peers.hugging_face(other, prompts, layers, 2, early_stop=False),
    }
    for size in settings.batch_sizes:
        tuned = partial(peers.hugging_face, other, prompts, layers, size, early_stop=True, longest=longest)
        runs[f"tuned, batch {size}"] = tuned
        runs[f"strong, batch {size}"] = partial(peers.strong, other, prompts, layers, size, longest)
    chosen = {name: run for name, run in runs.items() if name.partition(",")[0] in settings.peers}
    table = _measure(chosen, settings, {"shape": settings.shape, "layers": layers, "prompts": len(prompts)})
    table["layer_tokens"] = [counted[0] if name == "fast" else pd.NA for name in table["peer"]]
    table.insert(4, "floor_seconds", _floor(model, counted[0]))
    _write(table, settings)
    return table


def _measure(
    runs: dict[str, Callable[[], peers.Completed]], settings: Settings, constant: dict[str, Any]
) -> pd.DataFrame:
    """Peers in turn, so that a machine that slows down slows all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    texts: dict[str, peers.Completed] = {}
    for _ in range(settings.repeats):
        for name, run in runs.items():
            started = time.perf_counter()
            texts[name] = run()
            seconds[name].append(time.perf_counter() - started)
            print(f"{name}: {seconds[name][-1]:.2f} s", flush=True)
    first = next(iter(texts))
    rows = []
    for name, times in seconds.items():
        differ = sum(tokens != texts[first][key] for key, tokens in texts[name].items())
        ratios = [other / mine for other, mine in zip(times, seconds[first], strict=True)]
        rows.append(
            {
                **constant,
                "peer": name,
                "median_seconds": statistics.median(times),
                f"times_{first}": statistics.median(ratios),
                "completions_that_differ": differ,
                "completions": len(texts[name]),
            }
        )
    return pd.DataFrame(rows)


def _floor(model: Any, layer_tokens: int) -> float:
    """Seconds that the matrix products of the counted layer-tokens take at the rate of one large product here."""
    cfg = model.hooked.cfg
    per_token = cfg.d_model * cfg.d_head * (2 * cfg.n_heads + 2 * (cfg.n_key_value_heads or cfg.n_heads))
    per_token += cfg.d_model * cfg.d_mlp * (3 if cfg.gated_mlp else 2)
    size = 1536
    left, right = torch.randn(size, size), torch.randn(size, size)
    times = []
    for _ in range(7):
        started = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - started)
    return 2 * per_token * layer_tokens / (2 * size**3 / statistics.median(times))


def _write(table: pd.DataFrame, settings: Settings) -> None:
    settings.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(settings.out / f"{settings.shape}.csv", index=False)
    facts = {"machine": platform.machine(), "threads": settings.threads, "torch": torch.__version__}
    facts |= {"processor": _processor(), "repeats": settings.repeats}
    (settings.out / f"{settings.shape}.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(table.round(3).to_string(index=False))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


if __name__ == "__main__":
    main(tyro.cli(Settings, description=f"{__doc__} Shapes: {', '.join(SHAPES)}."))
