"""Which host keys are believed: those in known_hosts, and, only where the cluster file says so, the first one seen."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import asyncssh

from etcdpilot.model.cluster import HostKeys

DEFAULT_FILE = Path("~/.ssh/known_hosts")
SYSTEM_FILE = Path("/etc/ssh/ssh_known_hosts")


class KeyChanged(Exception):
    """The host shows another key than the one that known_hosts has for it; str() is that file."""


class Trust(asyncssh.SSHClient):
    """Asked for a host whose key is not in known_hosts. A key that differs from a known one is never believed."""

    def __init__(self, keys: HostKeys, known: asyncssh.SSHKnownHosts, file: Path, alias: str = "") -> None:
        self._keys, self._known, self._file, self._alias = keys, known, file, alias
        self.changed = False

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        name = self._alias or host
        self.changed = bool(self._known.match(name, addr, port if port != 22 else None)[0])
        if self.changed or self._keys is not HostKeys.ACCEPT_NEW:
            return False
        write_down(self._file, name, port, key)
        return True


def known_hosts(paths: Iterable[Path]) -> asyncssh.SSHKnownHosts:
    """What these files say together; one that is not there says nothing."""
    return asyncssh.import_known_hosts("\n".join(path.read_text(errors="replace") for path in paths if path.is_file()))


def write_down(file: Path, host: str, port: int, key: asyncssh.SSHKey) -> None:
    """One line more in known_hosts, in one write; the folder and the file are for their owner alone."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kind, data = key.export_public_key("openssh").decode().split()[:2]
    name = host if port == 22 else f"[{host}]:{port}"
    handle = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(handle).st_size
        # A file edited by hand may end without a newline, and the new line would spoil its last one.
        torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        os.write(handle, f"{chr(10) if torn else ''}{name} {kind} {data}\n".encode())
    finally:
        os.close(handle)
