from __future__ import annotations

import numpy as np
import pytest

from workbench.errors import UserError
from workbench.execution import require_sandbox
from workbench.scoring import Scored, score_named, scores_for
from workbench.scoring.pass_at_1 import PassAt1, pass_at_1, program
from workbench.tasks.task import Item, ProgramTests, Task

TESTS = ProgramTests("", "assert double(3) == 6")
ITEM = Item("t/0", "double it", "def double(x):\n    return 2 * x", TESTS)
TASK = Task("t", "program", "", (), (ITEM,), score="pass_at_1")


def score() -> PassAt1:
    return pass_at_1(allow_code_execution=True)


@pytest.mark.parametrize(
    ("start", "completion", "text"),
    [
        ("", "\n  def f(): pass", "def f(): pass"),
        ("def f():\n", "    return 1", "def f():\n    return 1"),
    ],
)
def test_the_program_of_a_completion(start: str, completion: str, text: str) -> None:
    assert program(completion, ProgramTests(start, "")) == text


@pytest.mark.sandbox
def test_the_share_of_programs_that_pass() -> None:
    completions = [ITEM.target, "def double(x):\n    return x", "def double(x):\n    return x + x", ""]
    rows = np.array([score().statistics(Scored(text, tests=TESTS)) for text in completions])
    assert rows.tolist() == [[1, 1], [0, 1], [1, 1], [0, 1]]
    assert score().aggregate(rows.sum(0)) == 0.5


@pytest.mark.sandbox
def test_the_reference_is_not_what_counts() -> None:
    assert score().statistics(Scored("double = lambda x: x * 2", "something else", tests=TESTS)) == [1, 1]


def test_nothing_is_executed_without_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.execution.sandbox.subprocess.Popen", lambda *_, **__: pytest.fail("executed"))
    for score in (score_named("pass_at_1"), score_named("pass_at_1", allow_code_execution=False)):
        with pytest.raises(UserError, match="allow it with --allow-code-execution") as caught:
            score.statistics(Scored(ITEM.target, tests=TESTS))
        assert "\n" not in str(caught.value)


def test_without_tests_there_is_nothing_to_pass() -> None:
    with pytest.raises(UserError, match="this prompt's task has none: choose another score"):
        score().statistics(Scored(ITEM.target))


def test_a_task_is_refused_before_anything_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    with pytest.raises(UserError, match="allow it with --allow-code-execution"):
        scores_for(TASK)
    plain = Task("p", "own", "", (), (Item("p/0", "a", "b"),))
    with pytest.raises(UserError, match="task 'p' has none"):
        scores_for(plain, ["pass_at_1"], allow_code_execution=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    require_sandbox.cache_clear()
    with pytest.raises(UserError, match="there is no `bwrap` here"):
        scores_for(TASK, allow_code_execution=True)


@pytest.mark.sandbox
def test_the_scores_of_a_task() -> None:
    chosen = scores_for(TASK, allow_code_execution=True)
    assert [each.name for each in chosen] == ["pass_at_1", "log_probability", "agreement", "divergence"]
    assert [each.name for each in scores_for(TASK, ["agreement", "agreement"])] == ["agreement"]
    assert chosen[0] == score()


def test_its_signature_names_the_limits() -> None:
    assert "cpu:3s" in score().signature
    assert score_named("pass_at_1").signature == score().signature
