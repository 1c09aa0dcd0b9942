"""Real hosts for tests: booted once a session, clean for each test.

A test asks for `three_hosts` (or `five_hosts`, `seven_hosts`) and gets the `Lab` with exactly so many clean, booted
hosts. Its controller's side is `lab.controller([...])`, best as a subprocess; for connections made in the test's own
process there is `with lab.inside_controller():`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import Lab, why_not


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    reason = why_not()
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.hosts)
            if reason is not None:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The session's lab, as the last test left it. Most tests want `three_hosts`."""
    with Lab.up(3) as booted:
        yield booted


@pytest.fixture
def three_hosts(lab: Lab) -> Lab:
    lab.clean(3)
    return lab


@pytest.fixture
def five_hosts(lab: Lab) -> Lab:
    lab.clean(5)
    return lab


@pytest.fixture
def seven_hosts(lab: Lab) -> Lab:
    lab.clean(7)
    return lab


@pytest.fixture
def at_controller(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Two clean hosts, and this test's own process as the controller: in its network, with its home."""
    lab.clean(2)
    monkeypatch.setenv("HOME", str(lab.home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with lab.inside_controller():
        yield lab
