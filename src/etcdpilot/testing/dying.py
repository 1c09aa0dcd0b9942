"""The command line, killed (SIGKILL) or held (SIGSTOP) at a moment that is counted in lines of its journal.

    python -m etcdpilot.testing.dying after:3 apply --yes       when the third line stands: intent noted, nothing done
    python -m etcdpilot.testing.dying before:4 apply --yes      before the fourth: the step is done, and not noted
    python -m etcdpilot.testing.dying after:3+0.05 apply --yes  in the middle of it
    python -m etcdpilot.testing.dying stop:after:3 apply --yes  held there, until SIGCONT

A step writes two lines, `started` and `done`. With fewer lines than that it ends as the command line does.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from etcdpilot.stores.journal import Journal, entries

MOMENT = re.compile(r"(stop:)?(before|after):(\d+)(?:\+([\d.]+))?")


def later(moment: str, lines: int) -> str:
    """The same moment, so many lines of the journal later: after:1+0.01 becomes after:3+0.01."""
    word, _, rest = moment.rpartition(":")
    number, plus, seconds = rest.partition("+")
    return f"{word}:{int(number) + lines}{plus}{seconds}"


def last_begun(journal: Path) -> str:
    """The step that was under way when its controller died; empty where none was begun."""
    return next((entry.step for entry in reversed(list(entries(journal))) if entry.event == "started"), "")


def prepare(moment: str) -> None:
    """Make the journal deadly. The lines before the first step (a lock taken over) count too."""
    match = MOMENT.fullmatch(moment)
    if match is None:
        raise SystemExit(f"no moment: {moment}")
    sent = signal.SIGSTOP if match[1] else signal.SIGKILL
    side, number, later = match[2], int(match[3]), float(match[4] or 0)
    write, lines = Journal.write, 0

    def die() -> None:
        os.kill(os.getpid(), sent)

    def deadly(self: Journal, *words: Any, **more: Any) -> None:
        nonlocal lines
        lines += 1
        if side == "before" and lines == number:
            die()
        write(self, *words, **more)
        if side == "after" and lines == number:
            threading.Timer(later, die).start() if later else die()

    Journal.write = deadly  # type: ignore[method-assign]


if __name__ == "__main__":
    prepare(sys.argv.pop(1))
    from etcdpilot.cli.main import run

    run()
