"""One sweep in a process of its own, and the memory it took: `python -m benchmarks.peak SHAPE PROMPTS ...`.

A process of its own, because memory that something else has had and given back would hide what the sweep takes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path

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

    from workbench.errors import UserError
    from workbench.interventions import ContextMask
    from workbench.runs.peak import begin, highest_held
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
    # Weights are mapped from their file, and count as held once they have been read.
    with torch.inference_mode():
        model.hooked(torch.tensor([texts[0].token_ids[:2]], device=settings.device))
    before = begin()
    engine.sweep(model, texts, conditions, batch_size=len(texts))
    highest = highest_held()
    if before is None or highest is None:
        raise UserError("This system does not tell what a process holds (/proc/self): the row cannot be measured here.")
    found = estimate.total, estimate.agreeing
    return Peak(subject.shape, len(texts), len(conditions), *found, before, highest)


def _main(asked: str, shape: str, prompts: str) -> None:
    content = json.loads(asked)
    known = {field.name for field in fields(Settings)}
    settings = Settings(**{**{name: content[name] for name in known}, "out": Path(content["out"])})
    print(json.dumps(asdict(_measure(settings, shape, int(prompts)))))


if __name__ == "__main__":
    _main(*sys.argv[1:])
