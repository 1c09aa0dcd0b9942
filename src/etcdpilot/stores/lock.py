"""The lock on a state folder: one controller at a time, and the second is told who holds it."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from etcdpilot.model.errors import Refused
from etcdpilot.stores.state import StateFolder


@contextmanager
def locked(state: StateFolder, doing: str, now: datetime) -> Iterator[None]:
    """Hold the lock while the block runs; Refused when another process holds it.

    The kernel gives a lock of a dead process back, so a controller that was killed leaves nothing to clean up.
    """
    state.make()
    handle = os.open(state.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                f"Another etcdpilot is at work on this cluster: {holder(handle)}.",
                why=f"It holds {state.lock}.",
                remedy="Wait until it has finished, then run this again.",
            ) from None
        owner = {
            "pid": os.getpid(),
            "user": user(),
            "host": socket.gethostname(),
            "since": now.isoformat(),
            "doing": doing,
        }
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(owner).encode(), 0)
        yield
    finally:
        os.close(handle)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """One process at a time, the next one waits: for a folder that is only being made, in a few milliseconds."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def holder(handle: int) -> str:
    """Who holds the lock, in words."""
    try:
        owner = json.loads(os.pread(handle, 4096, 0))
        return f"{owner['doing']}, process {owner['pid']} of {owner['user']} on {owner['host']}, since {owner['since']}"
    except (ValueError, KeyError):
        return "it has just begun"


def owner_line(doing: str, now: datetime) -> str:
    """The same in one line, for locks on hosts."""
    return f"{doing}, process {os.getpid()} of {user()} on {socket.gethostname()}, since {now.isoformat(timespec='seconds')}"


def user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
