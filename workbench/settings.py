"""Settings that many analyses have: the same words, the same defaults, one description each.

An analysis' `Config` inherits the groups it needs and declares the rest. Where only a default differs, it declares the
field again; its help is inherited.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class ModelSettings:
    """Which model, and where and in which numbers it computes."""

    model: str = "mini"
    """Name in the registry, Hugging Face id, or folder of a checkpoint."""
    revision: str | None = None
    """Branch, tag or commit on the hub, for models from there: a checkpoint of the training, for instance."""
    dtype: Literal["float32", "float64", "bfloat16", "float16"] = "float32"
    """Number format of the weights and of the computation."""
    device: str = "cpu"
    """Where the model runs: cpu, cuda, cuda:1."""


@dataclass(frozen=True)
class ItemSettings(ModelSettings):
    """How many test items, and the seeds that draw examples for them."""

    seeds: tuple[int, ...] = (0,)
    """Seeds that the examples are drawn by."""
    limit: int | None = 50
    """Test prompts for each seed, from the first; None for the whole test set."""
    data: Path | None = None
    """Folder of the data set, for tasks that read one."""
    batch_size: int = 50
    """Prompts run together."""


@dataclass(frozen=True)
class TaskSettings(ItemSettings):
    """Which items: tasks."""

    task: tuple[str, ...] = ("translate-en-fr",)
    """Tasks, as listed by `workbench tasks`; `flores:eng_Latn-fra_Latn`, `tsv:FILE` and `jsonl:FILE` read data."""


@dataclass(frozen=True)
class PromptSettings(TaskSettings):
    """Which prompts are made of them: one format, one number of examples."""

    format: str = "instr_none_QA"
    """Prompt format: instr_none_QA, instr_machine_translation, instr_code_gen or instr_task; for instruct models their own
    chat template: chat, chat_instr (with the instruction as system message) or chat_instr_user (at the head of the first
    turn)."""
    examples: int = 5
    """Examples in the prompt, drawn once per seed for the whole test set."""


@dataclass(frozen=True)
class CompletionSettings:
    """How completions are written and scored."""

    scores: tuple[str, ...] | None = None
    """Scores; by default the task's own, log-probability of the reference, agreement and divergence."""
    max_new_tokens: int | None = None
    """Longest completion in tokens; by default the task's own."""


@dataclass(frozen=True)
class ProgramSettings(CompletionSettings):
    """Completions that may be programs."""

    allow_code_execution: bool = False
    """Whether programs that the model writes may be executed, confined by bubblewrap; tasks scored by pass@1 need it."""


@dataclass(frozen=True)
class EngineSettings:
    """What runs the conditions."""

    engine: Literal["auto", "fast", "reference"] = "auto"
    """What runs the sweep: the fast engine wherever it can, or the plain reference that defines it."""


@dataclass(frozen=True)
class MaskSettings:
    """How the context is hidden."""

    keep_bos: bool | None = None
    """Whether the beginning-of-sequence token stays visible; by default as in the paper: except under mask_all."""
    renormalise: bool = True
    """Whether the attention left is renormalised (the paper's way)."""


@dataclass(frozen=True)
class RecognitionSettings:
    """The rule by which a task counts as recognised; no measurement depends on it."""

    fraction: float = 0.95
    """Share of the rise from floor to ceiling at which the task counts as recognised."""
    relative_to: Literal["rise", "ceiling"] = "rise"
    """Threshold as a share of the rise, or of the ceiling (for scores with a true zero)."""
