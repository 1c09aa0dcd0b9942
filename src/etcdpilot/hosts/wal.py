"""Whose data a write-ahead log is of: each of its files begins with a checksum and with the member's and cluster's IDs.
And whether it holds more than that: a member that dies in the first moment of its first start leaves one that does not.

A frame is eight bytes, the record's length in the lower seven and its padding in the highest, then the record, a
protobuf message: type 1, checksum 2, data 3. The data of the record of type 1 are two varints: 1 member, 2 cluster.
Types are metadata 1, entry 2, state 3, checksum 4 and snapshot 5; behind the last record the file is zeros.
Source: server/storage/wal of etcd, the same from 3.4 to 3.7.
"""

from __future__ import annotations

from collections.abc import Iterator

HEAD = 256  # bytes of a file that are enough: what comes before the first entry takes about 80
METADATA = 1
BEFORE_ENTRIES = (METADATA, 4, 5)


def owner(head: bytes) -> tuple[str, str]:
    """Member ID and cluster ID in hex; empty texts where the beginning of a WAL file does not tell."""
    for _, record in records(head):
        found = numbers_and_texts(record)
        if found.get(1) == METADATA and isinstance(data := found.get(3), bytes):
            ids = numbers_and_texts(data)
            return hexadecimal(ids.get(1)), hexadecimal(ids.get(2))
    return "", ""


def is_blank(head: bytes) -> bool:
    """Whether a first WAL file says whose it is and nothing else: no entry, no vote, no term was ever kept in it."""
    found = list(records(head))
    kinds = [numbers_and_texts(record).get(1) for _, record in found]
    end = found[-1][0] if found else 0
    return METADATA in kinds and all(kind in BEFORE_ENTRIES for kind in kinds) and not any(head[end : end + 8])


def records(head: bytes) -> Iterator[tuple[int, bytes]]:
    """Each whole record at the beginning of a WAL file, with the offset behind its padding."""
    at = 0
    while at + 8 <= len(head):
        frame = int.from_bytes(head[at : at + 8], "little")
        size, padding = frame & 0x00FF_FFFF_FFFF_FFFF, (frame >> 56) & 0x7
        record = head[at + 8 : at + 8 + size]
        if not 0 < size == len(record):
            return
        at += 8 + size + padding
        yield at, record


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
