"""Whose data a write-ahead log is of: each of its files begins with a checksum and with the member's and cluster's IDs.

A frame is eight bytes, the record's length in the lower seven and its padding in the highest, then the record, a
protobuf message: type 1, checksum 2, data 3. The data of the record of type 1 are two varints: 1 member, 2 cluster.
Source: server/storage/wal of etcd, the same from 3.4 to 3.7.
"""

from __future__ import annotations

HEAD = 256  # bytes of a file that are enough
METADATA = 1


def owner(head: bytes) -> tuple[str, str]:
    """Member ID and cluster ID in hex; empty texts where the beginning of a WAL file does not tell."""
    at = 0
    while at + 8 <= len(head):
        frame = int.from_bytes(head[at : at + 8], "little")
        size, padding = frame & 0x00FF_FFFF_FFFF_FFFF, (frame >> 56) & 0x7
        record = head[at + 8 : at + 8 + size]
        if not 0 < size == len(record):
            break
        found = numbers_and_texts(record)
        if found.get(1) == METADATA and isinstance(data := found.get(3), bytes):
            ids = numbers_and_texts(data)
            return hexadecimal(ids.get(1)), hexadecimal(ids.get(2))
        at += 8 + size + padding
    return "", ""


def hexadecimal(number: int | bytes | None) -> str:
    return f"{number:x}" if isinstance(number, int) else ""


def numbers_and_texts(message: bytes) -> dict[int, int | bytes]:
    """The last value of each field of varints and of bytes; what cannot be read ends it."""
    found: dict[int, int | bytes] = {}
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            found[number], at = varint(message, at)
        elif kind == 2:
            size, at = varint(message, at)
            found[number] = message[at : at + size]
            at += size
        else:
            break
    return found


def varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
    return value & 0xFFFF_FFFF_FFFF_FFFF, at
