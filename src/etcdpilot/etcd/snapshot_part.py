"""One answer of a snapshot stream, read by hand: a megabyte of message objects and copies for every megabyte of data
is what made taking a snapshot slow.

The fields of etcdserverpb.SnapshotResponse: header 1, remaining_bytes 2, blob 3, version 4 (3.6 and later).
"""

from __future__ import annotations

from dataclasses import dataclass

REMAINING, BLOB, VERSION = 2, 3, 4


class NotAnAnswer(ValueError):
    """The bytes are no message of protobuf."""


@dataclass(frozen=True, slots=True)
class SnapshotPart:
    """A piece of the file, how much is still to come, and the storage version where the server tells it."""

    blob: memoryview
    remaining: int
    version: str

    @classmethod
    def read(cls, message: bytes) -> SnapshotPart:
        """Nothing of the blob is copied: it stays a view of `message`. NotAnAnswer when it cannot be read."""
        view, at, end = memoryview(message), 0, len(message)
        blob, remaining, version = view[:0], 0, ""
        while at < end:
            tag, at = _number(message, at)
            value, at = _number(message, at)
            match tag >> 3, tag & 7:
                case field, 2:  # bytes
                    content, at = view[at : at + value], at + value
                    if at > end:
                        raise NotAnAnswer(f"field {field} is longer than its message")
                    if field == BLOB:
                        blob = content
                    elif field == VERSION:
                        version = bytes(content).decode("utf-8", errors="replace")
                case field, 0:  # a number
                    remaining = value if field == REMAINING else remaining
                case field, kind:
                    raise NotAnAnswer(f"field {field} is of wire type {kind}")
        return cls(blob, remaining, version)


def _number(message: bytes, at: int) -> tuple[int, int]:
    """A varint, and where what follows it begins."""
    value = shift = 0
    try:
        while (byte := message[at]) >= 0x80:
            value |= (byte & 0x7F) << shift
            shift, at = shift + 7, at + 1
    except IndexError:
        raise NotAnAnswer("a number is cut off") from None
    return value | byte << shift, at + 1
