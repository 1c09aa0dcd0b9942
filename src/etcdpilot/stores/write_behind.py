"""Writes a large file beside whatever fetches it: while one piece goes to the disk, the next one is gathered."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

PIECE = 4 << 20
MOST_BUFFERS = 512  # of one writev; the system allows 1024


class WriteBehind:
    """`async with WriteBehind(path) as file: await file.write(chunk)`. Holds two pieces at most; OSError as it comes.

    `written` is told, in the thread that writes, how many bytes are in the file by now.
    """

    def __init__(self, path: Path, written: Callable[[int], None] | None = None) -> None:
        self._path, self._tell = path, written
        self._done = 0
        self._gathered: list[bytes] = []
        self._size = 0
        self._writing: asyncio.Future[None] | None = None

    async def __aenter__(self) -> WriteBehind:
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self._hand_over()
            await self._written()
        finally:
            os.close(self._descriptor)

    async def write(self, chunk: bytes) -> None:
        self._gathered.append(chunk)
        self._size += len(chunk)
        if self._size >= PIECE or len(self._gathered) >= MOST_BUFFERS:
            await self._hand_over()

    async def _hand_over(self) -> None:
        await self._written()
        piece, self._gathered, self._size = self._gathered, [], 0
        self._writing = asyncio.get_running_loop().run_in_executor(None, self._write, piece)

    def _write(self, piece: list[bytes]) -> None:
        _write_all(self._descriptor, piece)
        self._done += sum(map(len, piece))
        if self._tell:
            self._tell(self._done)

    async def _written(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await writing


def _write_all(descriptor: int, piece: list[bytes]) -> None:
    done, size = os.writev(descriptor, piece) if piece else 0, sum(map(len, piece))
    if done < size:  # a disk that fills up takes a part first
        rest = memoryview(b"".join(piece))
        while done < size:
            done += os.write(descriptor, rest[done:])
