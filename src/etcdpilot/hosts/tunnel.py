"""A way to a member whose client port only its own host can reach: a listener here, carried over the host's connection.

Needed behind a jump host: who reaches a machine through another one rarely reaches etcd's port on it. The listener
stands on loopback for as long as the command runs; who connects to it still has to show a certificate to etcd.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import asyncssh

from etcdpilot.hosts.shell import Shell
from etcdpilot.model.errors import HostFailed

PIECE = 1 << 16


class Tunnel:
    """To `host:port` as seen from the machine that `shell` is on; a connection that was lost is opened again."""

    def __init__(self, shell: Shell, host: str, port: int) -> None:
        self._shell, self._host, self._port = shell, host, port
        self._server: asyncio.Server | None = None

    async def open(self) -> int:
        """The port on this machine's loopback."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            connection = await self._shell.open()
            there, to = await connection.open_connection(self._host, self._port)
            await asyncio.gather(pump(reader, to), pump(there, writer))
        except (HostFailed, OSError, asyncssh.Error):
            pass  # whoever connected sees the end, as if nobody listened there
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def pump(
    reader: asyncio.StreamReader | asyncssh.SSHReader[bytes], writer: asyncio.StreamWriter | asyncssh.SSHWriter[bytes]
) -> None:
    while piece := await reader.read(PIECE):
        writer.write(piece)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
