"""Scripts on one host: one connection, kept for the run, and at most eight channels of it at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

import asyncssh

from etcdpilot.hosts.blame import REACHING, unreachable
from etcdpilot.hosts.lock import CHECK, Lock
from etcdpilot.hosts.login import Login, log_in
from etcdpilot.hosts.waiting import Process, WaitingShell, told, waiting_shell
from etcdpilot.model.errors import HostFailed

CHANNELS = 7  # and one that waits; sshd's MaxSessions is 10 by default, and the 11th is refused
CHANNEL_SECONDS = 5.0
PATIENCE = 60.0
PIECE = 1 << 20  # bytes that are read at once of what a script prints


class Shell:
    """Runs scripts as root. A connection that was lost is opened again by the next script, never within one."""

    def __init__(self, name: str, login: Login) -> None:
        self.name, self.login = name, login
        self.connections = 0  # how many were opened, for the tests
        self.scripts = 0
        self._connection: asyncssh.SSHClientConnection | None = None
        self._opening = asyncio.Lock()
        self._channels = asyncio.Semaphore(CHANNELS)
        self._waiting = WaitingShell()
        self._done: list[str] = []
        self.lock: Lock | None = None  # from when it is held, nothing is changed without it

    async def open(self) -> asyncssh.SSHClientConnection:
        async with self._opening:
            if self._connection is None or self._connection.is_closed():
                try:
                    self._connection = await log_in(self.login)
                except REACHING as error:
                    raise unreachable(self.name, self.login, error) from error
                self.connections += 1
            return self._connection

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            await connection.wait_closed()
        await self._waiting.close()

    async def run(
        self,
        doing: str,
        script: str,
        *arguments: str,
        stdin: Iterable[bytes] = (),
        patience: float = PATIENCE,
        changes: bool = True,
    ) -> bytes:
        """What the script printed. `doing` completes "failed while …"; `stdin` is sent piece by piece.

        Raises HostFailed when the script fails, takes longer than `patience` seconds, or the connection is lost.
        """
        if changes and self.lock is not None:
            script, arguments = CHECK + script, (self.lock.cluster, self.lock.owner, *arguments)
        async with self._channels, self._blamed(doing, patience):
            process = await self._begin(script, *arguments)
            try:
                printed = await asyncio.wait_for(converse(process, stdin), patience)
            finally:
                process.close()
        self._judge(doing, printed)
        self._done.append(doing)
        return printed.out

    async def pour(
        self, doing: str, script: str, *arguments: str, into: Callable[[bytes], None], absent: int = 0
    ) -> bool:
        """What the script prints, piece by piece, however much it is; nothing is changed by it. HostFailed as `run`.

        False where it ended with the status `absent`, for there was nothing to print.
        """
        async with self._channels, self._blamed(doing, PATIENCE):
            process = await self._begin(script, *arguments)
            try:
                process.stdin.write_eof()
                while piece := await asyncio.wait_for(process.stdout.read(PIECE), PATIENCE):
                    await asyncio.to_thread(into, piece)
                said = await asyncio.wait_for(process.stderr.read(), PATIENCE)
                await asyncio.wait_for(process.wait_closed(), PATIENCE)
            finally:
                process.close()
        if absent and process.exit_status == absent:
            return False
        self._judge(doing, Printed(b"", said, process.exit_status, ""))
        return True

    @asynccontextmanager
    async def hold(self, doing: str, script: str, *arguments: str) -> AsyncIterator[None]:
        """The script runs for as long as this lasts, and ends when its input does. Raises HostFailed as `run` does."""
        async with self._channels:
            async with self._blamed(doing, PATIENCE):
                process = await self._begin(script, *arguments)
            try:
                yield
            finally:
                async with self._blamed(doing, PATIENCE):
                    try:
                        printed = await asyncio.wait_for(converse(process, ()), PATIENCE)
                    finally:
                        process.close()
                self._judge(doing, printed)

    async def _begin(self, script: str, *arguments: str) -> Process:
        connection = await self.open()
        self.scripts += 1
        process = await self._waiting.take(connection) or await self._channel(connection)
        with suppress(BrokenPipeError, ConnectionResetError):  # it ended: its status and what it said tell why
            process.stdin.write(told(script, *arguments))
        return process

    async def _channel(self, connection: asyncssh.SSHClientConnection) -> Process:
        """sshd counts a session for a moment longer than we do: a refused channel is asked for again for a few seconds.

        Where it allows so few of them that the waiting shell has the last, that one is taken.
        """
        deadline = time.monotonic() + CHANNEL_SECONDS
        while True:
            try:
                return await waiting_shell(connection)
            except asyncssh.ChannelOpenError:
                if process := await self._waiting.take(connection, another=False):
                    return process
                if connection.is_closed() or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.02)

    @asynccontextmanager
    async def _blamed(self, doing: str, patience: float) -> AsyncIterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise self._failed(doing, f"It took longer than {patience:.0f} s.", "Look at the host.") from error
        except (OSError, asyncssh.Error) as error:
            raise self._lost(doing, getattr(error, "reason", "") or str(error)) from error

    def _judge(self, doing: str, printed: Printed) -> None:
        if printed.status is None:
            raise self._lost(doing, printed.ended)
        if printed.status:
            said = printed.err.decode(errors="replace").strip()
            why, remedy = explained(said, self.login.user)
            raise self._failed(doing, why or f"The script ended with status {printed.status}.", remedy)

    def _lost(self, doing: str, why: str) -> HostFailed:
        done = f" Done there before: {', '.join(dict.fromkeys(self._done))}." if self._done else ""
        return self._failed(
            doing,
            f"The connection was lost{f' ({why})' if why else ''}.{done}",
            "Run the same command again: it looks first, and goes on where this stopped.",
        )

    def _failed(self, doing: str, why: str, remedy: str) -> HostFailed:
        return HostFailed(self.name, f"{self.name} ({self.login.host}) failed while {doing}.", why=why, remedy=remedy)


class Printed:
    """What one script left behind. `status` is None when it did not end by itself."""

    def __init__(self, out: bytes, err: bytes, status: int | None, ended: str) -> None:
        self.out, self.err, self.status, self.ended = out, err, status, ended


async def converse(process: Process, stdin: Iterable[bytes]) -> Printed:
    """Feed it while both its outputs are read, until it ends."""
    # Where the connection is lost both say so, and what nobody hears would be printed as a traceback.
    reading = asyncio.gather(process.stdout.read(), process.stderr.read(), return_exceptions=True)
    try:
        await feed(process, stdin)
        process.stdin.write_eof()
        out, err = await reading
    finally:
        reading.cancel()
    if isinstance(out, BaseException):
        raise out
    if isinstance(err, BaseException):
        raise err
    await process.wait_closed()
    signal = process.exit_signal
    return Printed(out, err, process.exit_status if not signal else None, f"signal {signal[0]}" if signal else "")


async def feed(process: Process, stdin: Iterable[bytes]) -> None:
    try:
        for piece in stdin:
            process.stdin.write(piece)
            await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        return  # it ended before it had read all: its status and what it said tell why


def explained(said: str, user: str) -> tuple[str, str]:
    """Why a script failed, from what it printed, and what to do about it."""
    last = "\n".join(said.splitlines()[-6:])
    who = user or "the user that logs in"
    if "sudo: a password is required" in said or "sudo: a terminal is required" in said:
        return (
            f"{who} may not become root without a password.",
            f"Allow it on the host: echo '{who} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/{who}, or log in as root.",
        )
    if "sudo: not found" in said or "exec: sudo:" in said:
        return f"{who} is not root, and the host has no sudo.", "Install sudo there, or log in as root."
    return last, "Look at the host."
