from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from workbench.estimates import announce, heard
from workbench.runs import peak
from workbench.runs.peak import Watch


@dataclass(frozen=True)
class Estimate:
    total: int


def test_nothing_estimated_is_nothing_recorded():
    assert Watch(lambda estimate: None).record() == {}


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak")
def test_the_peak_counts_from_the_first_estimate_on():
    told = []
    watch = Watch(told.append)
    before = bytearray(b"x" * 200_000_000)
    del before
    with heard(watch):
        for total in (30_000_000, 20_000_000, 80_000_000):
            announce(Estimate(total))
            held = b"x" * total
        del held
    announce(Estimate(10**12))
    record = watch.record()
    assert told == [Estimate(30_000_000), Estimate(80_000_000)]
    assert record["memory_estimated"] == 80_000_000
    # What is held before goes when the next is there.
    assert 80_000_000 < record["memory_measured"] < 150_000_000


def test_where_nothing_tells_the_estimate_stands_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(peak, "_PROCESS", tmp_path / "none")
    watch = Watch(lambda estimate: None)
    watch(Estimate(5))
    assert watch.record() == {"memory_estimated": 5, "memory_measured": None}
