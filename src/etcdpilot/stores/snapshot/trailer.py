"""The SHA-256 that etcd appends to a snapshot while it streams it: the last 32 bytes.

It is there exactly when the size leaves 32 bytes over a multiple of 512 (etcd's own test: a database is a multiple of
its page size). `snapshot status` does not look at it; `snapshot restore` does. A copied `member/snap/db` has none.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

DIGEST = 32
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Trailer:
    """What stands at the end of a file, and what should stand there. Digests are raw bytes."""

    size: int  # of the file, the trailer included
    whole: bytes  # SHA-256 of the whole file
    content: bytes  # SHA-256 of all but the trailer; empty without a trailer
    written: bytes  # the trailer; empty without one

    @property
    def present(self) -> bool:
        return bool(self.written)

    @property
    def fits(self) -> bool:
        return self.present and self.content == self.written


def has_room_for_trailer(size: int) -> bool:
    """Whether a file of `size` bytes is a database with a trailer."""
    return size > DIGEST and size % 512 == DIGEST


def read_trailer(path: Path) -> Trailer:
    """Reads the file once, in memory of one chunk. OSError when it cannot be read."""
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if not has_room_for_trailer(size):
            return Trailer(size, hashlib.file_digest(file, "sha256").digest(), b"", b"")
        digest = hashlib.sha256()
        buffer = bytearray(CHUNK)
        left = size - DIGEST
        while left and (count := file.readinto(memoryview(buffer)[: min(left, CHUNK)])):
            digest.update(memoryview(buffer)[:count])
            left -= count
        content = digest.digest()
        written = file.read(DIGEST) or b""
        digest.update(written)
        return Trailer(size, digest.digest(), content, written)
