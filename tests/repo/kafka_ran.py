"""Says how many Kafka tests ran, and fails a run that promised some and ran none.

A pytest plugin, loaded by ``make test``. With ``CONNECTKIT_REQUIRE_KAFKA=1`` a run in which a test
marked ``kafka`` was skipped, or in which none passed, is a failed run: a machine without a JVM must
not look like a machine on which everything holds.
"""

from __future__ import annotations

import os

import pytest

_ran: set[str] = set()
_skipped: set[str] = set()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count in the process that reports (with xdist: the controller)."""
    if "kafka" not in report.keywords:
        return
    if report.skipped:
        _skipped.add(report.nodeid)
    elif report.when == "call":
        _ran.add(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Turn a green run without Kafka into a failed one where Kafka was asked for."""
    if _missing() and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for the reader, red where it is a failure."""
    line = f"Kafka tests: {len(_ran)} ran, {len(_skipped)} skipped"
    if _missing():
        terminalreporter.write_line(f"{line}; CONNECTKIT_REQUIRE_KAFKA=1 allows no skips", red=True)
    elif _ran or _skipped:
        terminalreporter.write_line(line, green=not _skipped, yellow=bool(_skipped))


def _missing() -> bool:
    if os.environ.get("CONNECTKIT_REQUIRE_KAFKA", "0") in ("", "0"):
        return False
    if os.environ.get("PYTEST_XDIST_WORKER"):
        return False
    return not _ran or bool(_skipped)
