"""A member's whole database over the wire, verified while it passes.

etcd sends the database file and, as the last 32 bytes, the SHA-256 of all before them. `etcdctl snapshot save` writes
both to its file, and so should whoever reads this: a restore looks for that trailer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc

from etcdpilot.etcd.calls import Calls, TryFailed, failure_of
from etcdpilot.etcd.connections import Connection
from etcdpilot.etcd.errors import Failure, SnapshotBroken
from etcdpilot.etcd.fast_stream import FastStream, Piece
from etcdpilot.etcd.methods import SNAPSHOT
from etcdpilot.etcd.snapshot_part import NotAnAnswer
from etcdpilot.etcd.trailing_digest import TRAILER_BYTES, TrailingDigest
from etcdpilot.etcd.verdicts import Verdict, error_of, judge

# A member that is still preparing its copy, or whose host vanished, sends nothing.
SILENCE_SECONDS = 60.0


class SnapshotStream:
    """`async for chunk in client.at(endpoint).maintenance.snapshot()`: bytes to be written one after another.

    Never holds more than a few megabytes. Raises SnapshotBroken at the end if the bytes
    are not those that etcd meant: whoever writes a file gives it its name only after that. `size`, `sha256` (hex, of
    all but the trailer), `file_sha256` (of everything, as sha256sum gives it) and `version` (3.6 and later, else empty)
    are known when the stream has ended; `total`, the size to be expected, from the first piece on.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._digest = TrailingDigest()
        self.sha256 = ""
        self.file_sha256 = ""
        self.version = ""
        self.total = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._digest = TrailingDigest()
        connection, stream, piece = await self._open()
        self.total = len(piece.content) + piece.remaining + TRAILER_BYTES
        try:
            while not piece.ended:
                await self._digest.feed(piece.content)
                yield piece.content
                piece = await self._read(connection, stream)
        finally:
            stream.cancel()
        self.version = piece.version
        await self._verify(connection, piece.remaining)

    @property
    def size(self) -> int:
        """Bytes so far, the trailer among them."""
        return self._digest.size

    async def _open(self) -> tuple[Connection, FastStream, Piece]:
        """A stream and its first answer, from the first member that gives one; logs in again once if need be."""
        failures: list[Failure] = []
        logged_in = False
        while True:
            connection = self._calls.current
            try:
                stream = FastStream(await self._calls.raw_stream(connection, SNAPSHOT, b""))
                return connection, stream, await self._next(connection, stream)
            except TryFailed as failed:
                failures.append(failed.failure)
            verdict = judge(failures[-1])
            if verdict is Verdict.LOG_IN and not logged_in and await self._calls.log_in_again():
                logged_in = True
                continue
            self._calls.move_on_from(connection)
            final = self._calls.pinned or verdict in (Verdict.REJECTED, Verdict.LOG_IN)
            if final or len(failures) >= len(self._calls.endpoints):
                raise error_of(SNAPSHOT.name, tuple(failures), changes_something=False)

    async def _read(self, connection: Connection, stream: FastStream) -> Piece:
        try:
            return await self._next(connection, stream)
        except TryFailed as failed:
            raise self._broken(failed.failure, f"The snapshot stream ended after {self.size} bytes.") from None

    async def _next(self, connection: Connection, stream: FastStream) -> Piece:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                return await stream.next()
        except grpc.RpcError as error:
            raise TryFailed(failure_of(connection, error)) from None
        except NotAnAnswer as error:
            raise TryFailed(Failure(str(connection.endpoint), "DATA_LOSS", str(error))) from None
        except TimeoutError:
            text = f"nothing came for {SILENCE_SECONDS:.0f} s"
            raise TryFailed(Failure(str(connection.endpoint), "DEADLINE_EXCEEDED", text)) from None

    async def _verify(self, connection: Connection, remaining: int) -> None:
        found, sent = await self._digest.finish()
        failure = Failure(str(connection.endpoint), "DATA_LOSS", f"{self.size} bytes came, {remaining} did not")
        if remaining or self.size <= TRAILER_BYTES:
            raise self._broken(failure, "The snapshot is not whole.")
        if found != sent:
            raise self._broken(failure, "The snapshot's SHA-256 is not the one that etcd sent with it.")
        self.sha256, self.file_sha256 = found.hex(), self._digest.of_everything

    def _broken(self, failure: Failure, what: str) -> SnapshotBroken:
        return SnapshotBroken(SNAPSHOT.name, what, failure, remedy="Throw it away and take another, from any member.")
