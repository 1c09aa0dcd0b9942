"""One shell ahead: a channel whose root shell waits for its script.

Opening a channel, telling it its command and talking to it crosses the distance three times, and has sshd and sudo
start their processes while everybody waits. With the next one open already, a script crosses it once.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import asyncssh

from etcdpilot.hosts.quoting import command, line

# One line, taken as it is; `$n` is where the script itself has another. `read` takes no byte behind it from a pipe, so that
# what follows is the script's own input.
WAIT_FOR_IT = "n='\n'; IFS= read -r line && eval \"$line\""
WAITING_SHELL = command(WAIT_FOR_IT, become_root=True)

Process = asyncssh.SSHClientProcess[bytes]


def told(script: str, *arguments: str) -> bytes:
    """What a waiting shell is to be told, so that it becomes this script."""
    return line(command(script, *arguments)).encode(errors="surrogateescape") + b"\n"


class WaitingShell:
    """At most one at a time, on the connection that was last said."""

    def __init__(self) -> None:
        self._opening: asyncio.Task[Process | None] | None = None
        self._on: asyncssh.SSHClientConnection | None = None

    async def take(self, connection: asyncssh.SSHClientConnection, *, another: bool = True) -> Process | None:
        """The one that waits, and another is opened behind it; None where there was none, or it is gone."""
        opening, on = self._opening, self._on
        self._opening, self._on = asyncio.create_task(opened(connection)) if another else None, connection
        if opening is None or on is not connection:
            return None
        process = await opening
        return None if process is None or process.is_closing() else process

    async def close(self) -> None:
        """Behind its connection, which ends it."""
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
            with suppress(asyncio.CancelledError):
                await opening


async def opened(connection: asyncssh.SSHClientConnection) -> Process | None:
    """None where the host takes no more of them; whoever needs one then asks for it."""
    try:
        return await waiting_shell(connection)
    except (OSError, asyncssh.Error):
        return None


async def waiting_shell(connection: asyncssh.SSHClientConnection) -> Process:
    # sshd sends a remark first, and what was asked for only when that was acknowledged (Nagle): 43 ms for the first
    # channel of a connection, unless the kernel is told, once the request is on its way, not to put that off.
    asyncio.get_running_loop().call_soon(acknowledge_at_once, connection)
    return await connection.create_process(WAITING_SHELL, encoding=None)


def acknowledge_at_once(connection: asyncssh.SSHClientConnection) -> None:
    wire = connection.get_extra_info("socket")  # none where it leads through another host
    if wire is not None and hasattr(socket, "TCP_QUICKACK"):
        with suppress(OSError):
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
