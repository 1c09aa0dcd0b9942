"""The SHA-256 of all but the last 32 bytes of a stream whose end nobody knows before it comes."""

from __future__ import annotations

import asyncio
import hashlib

TRAILER_BYTES = 32
# Hashing is a third of the work of taking a snapshot. Pieces of this size are hashed in a thread beside the reading.
PIECE_BYTES = 1024 * 1024


class TrailingDigest:
    """Fed piece by piece; holds two pieces at most, one being hashed and one being gathered."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._gathered: list[bytes] = []
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
        piece = b"".join(self._gathered)
        tail = piece[-TRAILER_BYTES:]
        await self._hashed()
        hashed = memoryview(piece)[: -len(tail) or None]
        self._hashing = asyncio.get_running_loop().run_in_executor(None, self._digest.update, hashed)
        self._gathered, self._waiting = [tail], len(tail)
        return tail

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
