"""The batch plan, and what counts as a lack of memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from workbench.runs.memory import PLAN, Plan, out_of_memory, usable_threads


def test_the_plan_is_fixed_when_the_run_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert Plan.of(tmp_path, 8).threads == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    again = Plan.of(tmp_path, 4)
    assert (again.threads, again.batch_size(0), again.batch_size(99)) == (3, 8, 8)


def test_halving_holds_from_that_cell_on(tmp_path: Path) -> None:
    plan = Plan.of(tmp_path, 12)
    assert plan.halve(5)
    assert plan.halve(2)
    assert [plan.batch_size(index) for index in (0, 1, 2, 3, 5, 9)] == [12, 12, 6, 6, 6, 6]
    assert Plan.of(tmp_path, 12).batches == {0: 12, 2: 6}


def test_halving_ends_at_one(tmp_path: Path) -> None:
    plan = Plan.of(tmp_path, 3)
    assert plan.halve(0)
    assert not plan.halve(0)
    assert plan.batch_size(0) == 1


def test_a_run_without_batches_has_none_to_halve(tmp_path: Path) -> None:
    plan = Plan.of(tmp_path, None)
    assert plan.batch_size(0) is None
    assert not plan.halve(0)


@pytest.mark.parametrize("content", ["", "[]", '{"threads": 1}', '{"threads": 1, "batches": [3]}'])
def test_a_damaged_plan_is_made_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / PLAN).write_text(content)
    assert Plan.of(tmp_path, 8).batch_size(0) == 8


def test_threads_are_the_cores_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "all")
    assert 1 <= usable_threads() <= (os.cpu_count() or 1)


def test_what_lack_of_memory_looks_like() -> None:
    assert out_of_memory(MemoryError())
    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(RuntimeError) as failed:
        torch.empty(2**60, dtype=torch.uint8)
    assert out_of_memory(failed.value)
    assert not out_of_memory(RuntimeError("shapes do not match"))
    assert not out_of_memory(ValueError("DefaultCPUAllocator"))
