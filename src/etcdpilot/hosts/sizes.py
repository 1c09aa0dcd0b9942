"""How much lies in a directory of a host: what a member that is filled from another one has got so far."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from etcdpilot.hosts.port import Host

# $1 a directory; 0 where there is none.
SIZE = 'du -sb -- "$1" 2>/dev/null | cut -f 1'


async def size_of(host: Host, directory: str) -> int:
    """In bytes, of all files in it and below."""
    from etcdpilot.hosts.ssh import SshHost

    if isinstance(host, SshHost):
        said = await host.shell.run("asking how much has come", SIZE, directory, changes=False)
        return int(said or b"0")
    total = 0
    for path in Path(directory).rglob("*"):
        with suppress(OSError):  # etcd renames and removes while we look
            total += path.stat().st_size
    return total
