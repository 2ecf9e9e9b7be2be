"""A pytest plugin: where real data, a browser or a sandbox are there, the tests that need them must have run, all of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("WORKBENCH_SHARED_DATA", ROOT.parent / "shared" / "data"))


@dataclass
class _Kind:
    """Tests with one marker."""

    words: str
    there: Callable[[], bool]
    """Whether this machine has what they need."""
    ran: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    missed: set[str] = field(default_factory=set)
    """Skipped although everything they need is there."""


_KINDS = {
    "real_data": _Kind(f"tests on real data ({DATA})", DATA.is_dir),
    "browser": _Kind("tests in a browser", lambda: shutil.which("chromium") is not None),
    "sandbox": _Kind("tests in the sandbox", lambda: shutil.which("bwrap") is not None),
}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what became of a test."""
    needed = [kind for marker, kind in _KINDS.items() if marker in report.keywords]
    for kind in needed:
        if report.skipped:
            kind.skipped.add(report.nodeid)
            if all(each.there() for each in needed):
                kind.missed.add(report.nodeid)
        elif report.when == "call":
            kind.ran.add(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where any was skipped, or none ran."""
    # Workers of pytest-xdist report to the main process, which alone sees every test.
    if hasattr(session.config, "workerinput") or session.exitstatus != pytest.ExitCode.OK:
        return
    if any(kind.there() and (kind.missed or not kind.ran) for kind in _KINDS.values()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what ran."""
    for kind in _KINDS.values():
        terminalreporter.write_line(f"{kind.words}: {len(kind.ran)} ran, {len(kind.skipped)} were skipped")
        for name in sorted(kind.skipped):
            terminalreporter.write_line(f"  skipped: {name}")
