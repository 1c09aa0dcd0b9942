"""confd's log, line by line as it writes it: `2026-01-31T02:03:17Z host confd[42]: INFO Backend set to etcdv3`."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

LEVELS = ("panic", "fatal", "error", "warn", "info", "debug")
_SHOWN = {"warn": "WARNING"}


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Log:
    level: str = "info"
    write: Callable[[str], None] = _to_stderr

    def at(self, level: str, message: str) -> None:
        if LEVELS.index(level) > LEVELS.index(self.level):
            return
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        shown = _SHOWN.get(level, level.upper())
        self.write(f"{moment} {socket.gethostname()} confd[{os.getpid()}]: {shown} {message}")

    def debug(self, message: str) -> None:
        self.at("debug", message)

    def info(self, message: str) -> None:
        self.at("info", message)

    def warning(self, message: str) -> None:
        self.at("warn", message)

    def error(self, message: str) -> None:
        self.at("error", message)

    def fatal(self, message: str) -> None:
        self.at("fatal", message)
