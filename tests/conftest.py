"""What holds for every test: which are left out when that is asked for, and that the end says what was left out."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

HOSTS = Path(__file__).parent / "hosts"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite", action="store_true", help="Write the transcripts of tests/scenarios anew.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("ETCDPILOT_LAB") != "no":
        return
    for item in items:
        if item.path.is_relative_to(HOSTS):
            item.add_marker(pytest.mark.skip(reason="ETCDPILOT_LAB=no: no test hosts were asked for"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line a reason: how many tests this machine could not run, and what would let it."""
    reasons = Counter(reason_of(report) for report in terminalreporter.stats.get("skipped", []))
    if reasons:
        terminalreporter.section("left out")
    for reason, number in reasons.most_common():
        terminalreporter.line(f"{number:>5}  {reason}")


def reason_of(report: pytest.TestReport) -> str:
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return said.removeprefix("Skipped: ")
