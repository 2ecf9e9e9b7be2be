"""What a benchmark run is asked for, and the model and prompts that a row of it measures on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from workbench.models.model import Model
    from workbench.prompts import Prompt
    from workbench.tasks.task import Task

FORMAT = "instr_task"
EXAMPLES = 5
SEED = 0


@dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; every row has sizes of its own where these are left out."""

    rows: tuple[str, ...] = ()
    """Rows to measure (`--help` lists them); all that the device allows if left out."""
    out: Path = Path("runs/benchmarks")
    """Folder for the tables, the figures and the models made. Rows measured earlier stay in its report."""
    shape: str | None = None
    """Another shape, or a checkpoint folder, in place of the row's own."""
    task: str = "translate-en-fr"
    """Task that the prompts are of, as listed by `workbench tasks`."""
    prompts: int | None = None
    """Test prompts, all behind the same five examples, in place of the row's own number."""
    max_new_tokens: int | None = None
    """Longest completion in tokens, in place of the task's own."""
    repeats: int = 3
    """Runs of each peer, in turn; times are medians."""
    clock: Literal["wall", "processor"] = "wall"
    """What is timed: wall time; or the processor's own seconds, on a machine that others use (one thread, no GPU)."""
    threads: int | None = None
    """Threads of the processor; by default OMP_NUM_THREADS, else one for each core."""
    device: str = "cpu"
    """Where everything runs: cpu, cuda, cuda:1."""
    dtype: Literal["float32", "bfloat16", "float16"] | None = None
    """Number format, in place of the row's own (float32; bfloat16 in the row `gpu`)."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A model and its prompts, all with the same examples."""

    shape: str
    folder: Path
    model: Model
    task: Task
    prompts: Sequence[Prompt]

    @classmethod
    def of(cls, settings: Settings, shape: str, prompts: int, *, dtype: str = "float32", joined: int = 1) -> Subject:
        """The row's own shape and number of prompts, unless the settings say otherwise.

        Args:
            settings: of the run.
            shape: the row's own shape.
            prompts: the row's own number of prompts.
            dtype: the row's own number format.
            joined: sentences that are put together into one source and one target, for prompts of FLORES's length.
        """
        import torch

        from benchmarks.shapes import make
        from workbench.models.load import load
        from workbench.prompt_sets import checked_task, prompts_of

        chosen = settings.shape or shape
        folder = make(chosen, settings.out / "shapes", settings.device)
        model = load(str(folder), dtype=getattr(torch, settings.dtype or dtype), device=settings.device)
        task = checked_task(settings.task, format=FORMAT, examples=EXAMPLES, max_new_tokens=settings.max_new_tokens)
        task = task if joined == 1 else _longer(task, joined)
        items = task.limited(settings.prompts or prompts)
        texts = prompts_of(model, task, items, format=FORMAT, examples=EXAMPLES, seed=SEED)
        return cls(Path(chosen).name, folder, model, task, texts)


def completions_only(prompts: Sequence[Prompt]) -> list[Prompt]:
    """The prompts without their references: the Hugging Face peers complete texts and measure no log-probability."""
    return [replace(prompt, reference_ids=prompt.reference_ids[:1]) for prompt in prompts]


def _longer(task: Task, joined: int) -> Task:
    """The task with several of its sentences, one behind the other, as one."""
    from workbench.tasks.task import Item

    def together(items: Sequence[Item]) -> list[Item]:
        groups = [items[start : start + joined] for start in range(0, len(items) - joined + 1, joined)]
        return [
            Item(group[0].name, " ".join(each.source for each in group), " ".join(each.target for each in group))
            for group in groups
        ]

    return replace(task, pool=together(task.pool), test=together(task.test))
