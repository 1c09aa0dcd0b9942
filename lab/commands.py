"""Running the box's own tools (ip, nft, mount …), each failure in the tool's own words."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path


class LabError(Exception):
    """The lab could not do what was asked: the command, and what it said."""


def run(argv: Sequence[str], *, stdin: str | None = None, cwd: str | Path | None = None, timeout: float = 60) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(argv, input=stdin, cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode != 0:
        raise LabError(f"`{' '.join(argv)}` ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def succeeds(argv: Sequence[str]) -> bool:
    """Whether a command ends with 0; for questions, and for clearing away what may be gone already."""
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
