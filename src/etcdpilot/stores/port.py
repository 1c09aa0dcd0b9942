"""A place for backups, as small as it can be: files that are written whole or not at all, and never written over."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from etcdpilot.model.errors import HostFailed, Refused, SpecError

# What can be a file name everywhere, and is no option, no hidden file and no way out of the place.
PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}"
NAME = re.compile(rf"{PART}(?:/{PART}){{0,7}}")
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a place; `size` in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Place:
    """What can be told of a place without its credentials. `free` in bytes; None where nobody counts."""

    url: str
    kind: str  # directory, object store
    free: int | None = None


class StoreFailed(HostFailed):
    """The place did not take it or did not give it; `host` is its URL."""


class NotThere(StoreFailed):
    """No file of that name is in the place, or the place itself is missing."""


class AlreadyThere(Refused):
    """A file of that name is in the place; nothing there is ever written over."""


class SnapshotStore(Protocol):
    """What every place can do; each call may raise StoreFailed. Names: `prod/20260131T235959Z-1234-0a1b2c3d.db`."""

    @property
    def url(self) -> str:
        """As the cluster file writes it; holds no secret."""
        ...

    def drafts(self) -> Path | None:
        """A local directory from which `put_file` need not copy; None where there is none."""
        ...

    async def put(self, name: str, content: bytes) -> None:
        """Keep a small file. AlreadyThere when the name is taken, also by somebody at this very moment."""
        ...

    async def put_file(self, name: str, path: Path) -> None:
        """Keep a large file; `path` may be gone afterwards. AlreadyThere when the name is taken."""
        ...

    async def replace(self, name: str, content: bytes) -> None:
        """Write a small file anew, such as a manifest whose backup was proved."""
        ...

    def get(self, name: str) -> AsyncIterator[bytes]:
        """The content in pieces. NotThere when there is none."""
        ...

    async def list(self, prefix: str = "") -> tuple[Entry, ...]:
        """Every whole file whose name starts with `prefix`, in the order of names."""
        ...

    async def delete(self, name: str) -> None:
        """NotThere when there is none."""
        ...

    async def describe(self) -> Place:
        """Raises what stands in the way of using the place: missing, wrong credentials, not reachable."""
        ...


def require_name(name: str) -> str:
    """The name itself; SpecError when it could lead out of the place or is no file name everywhere."""
    if NAME.fullmatch(name) is None:
        raise SpecError(
            f"{name!r} cannot be the name of a file in a backup store.",
            why="Each part between slashes begins with a letter or digit and holds letters, digits, dots, - and _.",
        )
    return name


async def read_all(store: SnapshotStore, name: str, most: int = 1 << 20) -> bytes:
    """A small file whole; StoreFailed when it has more than `most` bytes."""
    content = bytearray()
    async for chunk in store.get(name):
        content += chunk
        if len(content) > most:
            raise StoreFailed(store.url, f"{name} has more than {most} bytes.", why="A manifest is a few hundred.")
    return bytes(content)
