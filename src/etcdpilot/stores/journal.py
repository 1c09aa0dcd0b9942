"""The journal: one JSON line for everything that was begun and everything that ended, on the disk before the next."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """`event` is started, done, failed or stale; `run` is one invocation of etcdpilot."""

    at: str
    run: str
    by: str
    event: str
    step: str
    why: str = ""


class Journal:
    """Appends only. A line that a crash cut in half is skipped when reading."""

    def __init__(self, path: Path, run: str, by: str) -> None:
        self.path, self.run, self.by = path, run, by

    def write(self, event: str, step: str, now: datetime, why: str = "") -> None:
        entry = {
            "at": now.isoformat(timespec="milliseconds"),
            "run": self.run,
            "by": self.by,
            "event": event,
            "step": step,
        }
        line = json.dumps({**entry, "why": why} if why else entry) + "\n"
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, line.encode())
            os.fdatasync(handle) if hasattr(os, "fdatasync") else os.fsync(handle)
        finally:
            os.close(handle)


def entries(path: Path) -> Iterator[Entry]:
    """Everything in a journal, oldest first."""
    if not path.exists():
        return
    for line in path.read_text(errors="replace").splitlines():
        try:
            yield Entry(**json.loads(line))
        except (ValueError, TypeError):
            continue
