"""The SHA-256 of all but the last 32 bytes of a stream whose end nobody knows before it comes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

TRAILER_BYTES = 32
# Hashing is a third of the work of taking a snapshot. So much at once is hashed in a thread beside the reading.
PIECE_BYTES = 1024 * 1024

Bytes = bytes | memoryview


class TrailingDigest:
    """Fed piece by piece; holds two megabytes at most, one being hashed and one being gathered."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._gathered: list[Bytes] = []
        self._waiting = 0
        self._hashing: asyncio.Future[None] | None = None
        self.size = 0
        self.of_everything = ""  # hex, the trailer included; known once finished

    async def feed(self, chunk: bytes) -> None:
        self._gathered.append(chunk)
        self._waiting += len(chunk)
        self.size += len(chunk)
        if self._waiting >= PIECE_BYTES + TRAILER_BYTES:
            await self._hash_all_but_the_tail()

    async def _hash_all_but_the_tail(self) -> bytes:
        """Start to hash what is gathered, and keep its last 32 bytes: they may be the trailer."""
        pieces, tail = without_tail(self._gathered)
        await self._hashed()
        self._hashing = asyncio.get_running_loop().run_in_executor(None, self._update, pieces)
        self._gathered, self._waiting = [tail], len(tail)
        return tail

    def _update(self, pieces: Sequence[Bytes]) -> None:
        for piece in pieces:
            self._digest.update(piece)

    async def _hashed(self) -> None:
        if self._hashing is not None:
            await self._hashing
            self._hashing = None

    async def finish(self) -> tuple[bytes, bytes]:
        """The digest found, and the trailer that came."""
        tail = await self._hash_all_but_the_tail()
        await self._hashed()
        whole = self._digest.copy()
        whole.update(tail)
        self.of_everything = whole.hexdigest()
        return self._digest.digest(), tail


def without_tail(pieces: Sequence[Bytes]) -> tuple[Sequence[Bytes], bytes]:
    """The pieces without their last 32 bytes, and those. Nothing is copied where the last piece holds them all."""
    if pieces and len(pieces[-1]) >= TRAILER_BYTES:
        *before, last = pieces
        return (*before, memoryview(last)[:-TRAILER_BYTES]), bytes(last[-TRAILER_BYTES:])
    joined = b"".join(pieces)
    tail = joined[-TRAILER_BYTES:]
    return (memoryview(joined)[: len(joined) - len(tail)],), tail
