"""Where keys come from: a state of some paths at one revision, and every change after it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class State:
    """Keys and values at or below the paths asked for, as they were at one revision."""

    entries: Mapping[bytes, bytes]
    revision: int


@dataclass(frozen=True, slots=True)
class Change:
    """One key's new value, or None when it was deleted."""

    key: bytes
    value: bytes | None
    revision: int


class HistoryLost(Exception):
    """The changes since that revision are not to be had any more (compacted): take a new state."""


class Source(Protocol):
    """A path covers its own key and everything below it: /foo covers /foo/a and not /foobar; "/" covers all."""

    async def state(self, paths: Sequence[str]) -> State:
        """Raises EtcdpilotError when it cannot be had."""
        ...

    def changes(self, path: str, after: int) -> AsyncGenerator[Change, None]:
        """Every change after a revision, none left out or doubled, for as long as it is listened to; HistoryLost."""
        ...


def covers(path: str, key: bytes) -> bool:
    own = path.encode()
    return path == "/" or key == own or key.startswith(own + b"/")


def outermost(paths: Sequence[str]) -> tuple[str, ...]:
    """The paths that no other of them covers."""
    kept: list[str] = []
    for path in sorted(set(paths)):
        if not any(covers(outer, path.encode()) for outer in kept):
            kept.append(path)
    return tuple(kept)
