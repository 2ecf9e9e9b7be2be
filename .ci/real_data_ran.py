"""A pytest plugin: where the real data are there, the tests on them must have run, all of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("WORKBENCH_SHARED_DATA", ROOT.parent / "shared" / "data"))

_ran: set[str] = set()
_skipped: set[str] = set()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what became of a test on real data."""
    if "real_data" in report.keywords:
        if report.skipped:
            _skipped.add(report.nodeid)
        elif report.when == "call":
            _ran.add(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where any was skipped, or none ran."""
    # Workers of pytest-xdist report to the main process, which alone sees every test.
    if hasattr(session.config, "workerinput") or not DATA.is_dir():
        return
    if session.exitstatus == pytest.ExitCode.OK and (_skipped or not _ran):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what ran."""
    terminalreporter.write_line(f"tests on real data ({DATA}): {len(_ran)} ran, {len(_skipped)} were skipped")
    for name in sorted(_skipped):
        terminalreporter.write_line(f"  skipped: {name}")
