"""A stream of answers pulled by a thread of its own and handed to the event loop in large pieces.

gRPC's asyncio layer wakes the loop for every answer; for a snapshot of thirty thousand of them that costs more than
everything else. gRPC's plain layer in a thread takes half of that, and the loop hears only of pieces.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import grpc

from etcdpilot.etcd.snapshot_part import NotAnAnswer, SnapshotPart

PIECE_BYTES = 768 * 1024
PIECES_WAITING = 3
# On a slow line a piece is handed over before it is full, so that whoever waits can tell slowness from silence.
LINGER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the stream in one run of bytes; what was `remaining` after it. The last one is empty, with `ended`."""

    content: bytes
    remaining: int
    version: str
    ended: bool = False


class FastStream:
    """`await stream.next()` until a piece has `ended`; raises grpc.RpcError as gRPC does. `cancel` from any thread."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[Piece | Exception] = asyncio.Queue()
        self._room = threading.Semaphore(PIECES_WAITING)
        self._thread = threading.Thread(target=self._pull, name="etcd snapshot", daemon=True)
        self._thread.start()

    async def next(self) -> Piece:
        found = await self._pieces.get()
        self._room.release()
        if isinstance(found, Exception):
            raise found
        return found

    def cancel(self) -> None:
        self._call.cancel()
        self._room.release()

    def _pull(self) -> None:
        try:
            remaining, version = self._hand_over_all(self._call)
            self._offer(Piece(b"", remaining, version, ended=True))
        except (grpc.RpcError, NotAnAnswer) as error:
            self._offer(error)

    def _hand_over_all(self, messages: Iterable[bytes]) -> tuple[int, str]:
        gathered: list[memoryview] = []
        size, remaining, version, last = 0, 0, "", time.monotonic()
        for message in messages:
            part = SnapshotPart.read(message)
            gathered.append(part.blob)
            size, remaining, version = size + len(part.blob), part.remaining, part.version or version
            if size >= PIECE_BYTES or time.monotonic() - last > LINGER_SECONDS:
                self._offer(Piece(b"".join(gathered), remaining, version))
                gathered, size, last = [], 0, time.monotonic()
        if size:
            self._offer(Piece(b"".join(gathered), remaining, version))
        return remaining, version

    def _offer(self, piece: Piece | Exception) -> None:
        self._room.acquire()
        with suppress(RuntimeError):  # the loop has ended with its program, and nobody waits any more
            self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)
