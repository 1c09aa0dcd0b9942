"""What the rest of the program may ask of a machine. `local.py` and `ssh.py` answer it, and so do the paper hosts.

All calls raise `HostFailed` (naming the machine, what was being done, and what to do) when the machine cannot be
reached or a command on it fails. Paths are absolute. Nothing here deletes data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from etcdpilot.hosts.lock import Lock
from etcdpilot.hosts.snapshots import Listed
from etcdpilot.model.files import FileSeen, FileToWrite
from etcdpilot.model.observation import DataSeen, Machine, Process, ServiceSeen


@dataclass(frozen=True, slots=True)
class Question:
    """What one look shall bring, all of it in one round trip."""

    unit: str
    etcd: str  # path of the etcd binary that the unit runs
    data: str  # data directory
    files: tuple[str, ...]  # paths to be hashed
    texts: tuple[str, ...]  # those of them whose text is wanted too: certificates, the marker, units
    ports: tuple[int, ...]
    log: bool = False  # its last lines are wanted even while it is active
    peers: tuple[str, ...] = ()  # addresses of the other members: by which of its own does the host reach them?


@dataclass(frozen=True, slots=True)
class Answer:
    """What one look brought. `version` is the first line of `etcd --version`, empty when there is no such file."""

    machine: Machine
    files: tuple[FileSeen, ...]
    version: str
    service: ServiceSeen
    process: Process | None
    data: DataSeen
    busy_ports: tuple[int, ...]
    interface_addresses: tuple[tuple[str, str], ...]
    sources: tuple[str, ...] = ()  # where connections to `peers` come from


@dataclass(frozen=True, slots=True)
class Binaries:
    """etcd's programs on the controller, and where they go: `<library>/etcd-<version>/`, symlinked from `bin`."""

    version: str
    directory: str  # on the controller: holds etcd, etcdctl and perhaps etcdutl
    library: str
    bin: str


@dataclass(frozen=True, slots=True)
class Restoration:
    """One member's data, to be restored from a snapshot beside its data directory `data`."""

    data: str
    programs: str  # the directory that holds etcdutl, or etcdctl where there is none yet
    flags: tuple[str, ...]  # of `snapshot restore`
    snapshot: str  # path on the controller
    size: int
    mark: str  # what tells what this restore makes from that of any other
    user: str


class Host(Protocol):
    """One machine that holds one member."""

    name: str

    async def look(self, question: Question) -> Answer: ...

    async def write(self, files: Sequence[FileToWrite], *, user: str, data: str = "") -> None:
        """All of them beside their places, then renamed; directories are made, the system user `user` too, and the data
        directory `data` where one is named: mode 0700, `user`'s, left alone where it holds a member."""

    async def architecture(self) -> str:
        """amd64, arm64, or what uname says."""

    async def install(self, binaries: Binaries) -> None:
        """Bring the programs and switch the symlinks by rename; a running binary is never written over."""

    async def point_to(self, programs: str, bin: str) -> None:
        """The symlinks in `bin` back to a folder of programs that is still there."""

    async def enable(self, unit: str) -> None: ...

    async def start(self, unit: str) -> None:
        """Returns when the start was asked for, not when the member is ready."""

    async def restart(self, unit: str) -> None:
        """Returns when the process of before has ended, and the next one was asked for."""

    async def stop(self, unit: str) -> None:
        """Returns when nothing of it runs any more."""

    async def disable(self, unit: str) -> None: ...

    async def move_aside(self, path: str, stamp: str) -> str:
        """Rename `path` to `path.<stamp>`; returns the new path, or an empty string when there was nothing."""

    async def move_data(self, before: str, path: str, stamp: str, *, user: str) -> None:
        """A stopped member's data from one directory to another, which becomes `user`'s; again: goes on, or does nothing."""

    async def snapshots(self, directory: str) -> tuple[Listed, ...]:
        """The whole ones that its member's timer left there: SHA-256, size, name."""

    async def fetch(self, path: str, into: Callable[[bytes], None]) -> None:
        """A file of any size, piece by piece. FileNotFoundError where there is none."""

    async def copy_data(self, path: str, into: Path) -> None:
        """The log and the database of the member whose data directory is `path`, to a folder of the controller."""

    async def prepare_data(self, wish: Restoration) -> None:
        """Restore a snapshot beside the data directory; nothing happens when the same was made there before.

        HostFailed also where there is no room, or the snapshot does not arrive whole; then nothing of it stays.
        """

    async def place_data(self, path: str, mark: str, *, user: str) -> None:
        """Rename what was prepared into its place; HostFailed when another member's data stand there."""

    async def acquire(self, lock: Lock) -> str:
        """`ours`, `took WHO` from an owner that gave no sign, or `held WHO`."""

    async def keep(self, lock: Lock) -> None:
        """A sign of life; to be given more often than every `STALE_SECONDS`."""

    async def release(self, lock: Lock) -> None: ...

    async def close(self) -> None: ...
