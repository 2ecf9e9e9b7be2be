"""One sweep in a process of its own, and the memory it took: `python -m benchmarks.peak SHAPE PROMPTS ...`.

A process of its own, because memory that something else has had and given back would hide what the sweep takes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.settings import Settings, Subject, completions_only


@dataclass(frozen=True)
class Peak:
    """Bytes."""

    shape: str
    prompts: int
    conditions: int
    estimate: int
    """What the sweep is said to take beside the model, before it runs, where every completion is different."""
    agreeing: int
    """The same where completions agree."""
    before: int
    """What the process holds before the run."""
    peak: int
    """The most that it held while it ran."""

    @property
    def taken(self) -> int:
        """What the sweep took."""
        return self.peak - self.before


def peak_of(settings: Settings, shape: str, prompts: int) -> Peak:
    """The peak of a whole sweep with log-probabilities and divergences, run in a new process."""
    asked = json.dumps({**asdict(settings), "out": str(settings.out)})
    command = [sys.executable, "-m", "benchmarks.peak", asked, shape, str(prompts)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parent.parent)
    return Peak(**json.loads(done.stdout.splitlines()[-1]))


def _measure(settings: Settings, shape: str, prompts: int) -> Peak:
    import torch

    from workbench.interventions import ContextMask
    from workbench.sweep import engine
    from workbench.sweep.attention import layers_of
    from workbench.sweep.memory import estimated
    from workbench.sweep.plan import Counts, Plan

    if settings.threads:
        torch.set_num_threads(settings.threads)
    subject = Subject.of(settings, shape, prompts)
    model, texts = subject.model, completions_only(subject.prompts)
    conditions = [ContextMask.named("TTF", layer) for layer in range(model.n_layers)]
    plan = Plan(model, layers_of(model.hooked), texts, conditions, Counts(), True)
    estimate = estimated(plan)
    del plan
    device = torch.device(settings.device)
    before = _reset(device)
    engine.sweep(model, texts, conditions, batch_size=len(texts))
    found = estimate.total, estimate.agreeing
    return Peak(subject.shape, len(texts), len(conditions), *found, before, _highest(device))


def _reset(device: Any) -> int:
    """What is held now; the highest is counted from here on."""
    import torch

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return int(torch.cuda.memory_allocated(device))
    # The kernel's way of setting the high-water mark back (proc(5), clear_refs).
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _highest(device: Any) -> int:
    import torch

    return int(torch.cuda.max_memory_allocated(device)) if device.type == "cuda" else _status("VmHWM")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) * 1024


def _main(asked: str, shape: str, prompts: str) -> None:
    content = json.loads(asked)
    known = {field.name for field in fields(Settings)}
    settings = Settings(**{**{name: content[name] for name in known}, "out": Path(content["out"])})
    print(json.dumps(asdict(_measure(settings, shape, int(prompts)))))


if __name__ == "__main__":
    _main(*sys.argv[1:])
