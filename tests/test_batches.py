from __future__ import annotations

from workbench.batches import Batch, batches, spans


def test_spans_cover_all_once_and_the_last_may_be_shorter():
    assert list(spans(7, 3)) == [(0, 3), (3, 6), (6, 7)]
    assert list(spans(6, 3)) == [(0, 3), (3, 6)]
    assert list(spans(2, 50)) == [(0, 2)]


def test_batches_go_task_by_task_and_seed_by_seed():
    assert batches({"a": 3, "b": 1}, (4, 9), 2) == [
        Batch("a", 4, 0, 2),
        Batch("a", 4, 2, 3),
        Batch("a", 9, 0, 2),
        Batch("a", 9, 2, 3),
        Batch("b", 4, 0, 1),
        Batch("b", 9, 0, 1),
    ]
