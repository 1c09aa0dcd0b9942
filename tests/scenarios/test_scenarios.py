"""Conversations with a cluster on paper. `pytest tests/scenarios --rewrite` writes the answers as they are now."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdpilot.testing.scenario import played

TRANSCRIPTS = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_conversation_goes_as_it_is_written(path: Path, request: pytest.FixtureRequest):
    now = played(path.read_text())
    if request.config.getoption("--rewrite"):
        path.write_text(now)
    assert now == path.read_text()


def test_there_are_conversations():
    assert len(TRANSCRIPTS) >= 8
