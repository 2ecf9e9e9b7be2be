"""pass@1: the share of completions that are programs and pass their tests (Chen et al. 2021, section 2.1).

The program is what the task puts before the completion (nothing in `humaneval`, as in paper A's code; the prompt in
`humaneval-full-prompt`) and the completion. It is executed in a sandbox, and only where a person has allowed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from workbench.errors import UserError
from workbench.execution import Limits, execute, require_sandbox
from workbench.scoring.base import MeanScore, Scored
from workbench.tasks.task import ProgramTests, Task

NAME = "pass_at_1"


def program(completion: str, tests: ProgramTests) -> str:
    """The program that a completion makes."""
    # Where nothing stands before it, white space at its beginning could only be a wrong indentation.
    return tests.start + completion if tests.start else completion.lstrip()


@lru_cache(maxsize=2**16)
def passes(text: str, checks: str) -> bool:
    """Whether a program passes; remembered, because late masks leave completions equal."""
    return execute(text, checks).passed


@dataclass(frozen=True)
class PassAt1(MeanScore):
    """The share of prompts whose program passes its tests."""

    allowed: bool = False
    """Whether a person has allowed executing what the model writes."""

    def statistics(self, scored: Scored) -> list[float]:
        """1 or 0, and the prompt itself (1).

        Raises:
            UserError: executing code was not allowed, cannot be confined here, or the prompt has no tests.
        """
        if not self.allowed:
            raise UserError(NOT_ALLOWED)
        if scored.tests is None:
            raise UserError(f"The score {NAME} needs tests to run; this prompt's task has none: choose another score.")
        return [float(passes(program(scored.completion, scored.tests), scored.tests.checks)), 1.0]

    def check(self, task: Task) -> None:
        """Refuse before anything is run what `statistics` would refuse later.

        Raises:
            UserError: as there.
        """
        if any(item.tests is None for item in task.test):
            raise UserError(f"The score {NAME} needs tests to run; task {task.name!r} has none: choose another score.")
        if not self.allowed:
            raise UserError(NOT_ALLOWED)
        require_sandbox()


NOT_ALLOWED = (
    f"The score {NAME} executes programs that the model writes; allow it with --allow-code-execution (they run confined, "
    "without network or files of yours), or choose other --scores."
)


def pass_at_1(allow_code_execution: bool = False) -> PassAt1:
    """pass@1 within the limits of `workbench.execution.Limits`."""
    limits = Limits()
    return PassAt1(
        name=NAME,
        label="pass@1 (share of problems)",
        signature=f"samples:1|cpu:{limits.cpu_seconds}s|wall:{limits.wall_seconds}s|memory:{limits.memory_bytes}"
        f"|printed:{limits.printed_bytes}|results:by-value|packages:standard-library",
        allowed=allow_code_execution,
    )
