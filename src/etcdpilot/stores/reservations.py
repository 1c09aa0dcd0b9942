"""Ports that another `up` of this user has drawn and not yet begun to listen on.

One byte of a file stands for a port, locked by the process that drew it: the kernel gives the lock back when the process
ends, however it ends. By then its members listen, or nobody wants the port.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

_HELD: dict[Path, int] = {}  # kept open: closing the file would give every lock back


class Reservations:
    """Where the file cannot be used, every port counts as not reserved: then only the race itself is left."""

    def __init__(self) -> None:
        self._handle = opened(Path(tempfile.gettempdir()) / f"etcdpilot-ports-{os.getuid()}")

    def reserve(self, port: int) -> bool:
        """Whether it is ours now; it stays so until this process ends."""
        if self._handle is None:
            return True
        try:
            fcntl.lockf(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        return True


def opened(path: Path) -> int | None:
    if path not in _HELD:
        try:
            _HELD[path] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:
            return None
    return _HELD[path]
