"""One record of the key bucket: its revision, and the key-value pair in it.

A record's name is the main revision (u64, big endian), `_`, the sub revision, and `t` for a tombstone. Its value is
the protobuf message mvccpb.KeyValue: key 1, create_revision 2, mod_revision 3, version 4, value 5, lease 6. The few
fields are read here by hand: a generic decoder costs more than reading the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from etcdpilot.model.answers import KeyValue
from etcdpilot.stores.snapshot.bbolt import Corrupt, Leaf

REVISION = struct.Struct(">QcQ")
LIVE_SIZE, TOMBSTONE_SIZE = 17, 18  # bytes of a record's name


def revision_of(name: bytes) -> tuple[int, int]:
    """Main and sub revision of a record's name; Corrupt when it is none."""
    if len(name) not in (LIVE_SIZE, TOMBSTONE_SIZE) or name[8] != 0x5F:
        raise Corrupt(f"{name!r} is not the revision of a record")
    main, _, sub = REVISION.unpack_from(name)
    return main, sub


def name_after(revision: int) -> bytes:
    """A name that sorts behind every record of `revision` and before every later one."""
    return (revision + 1).to_bytes(8, "big")


def is_tombstone(name: bytes) -> bool:
    return len(name) == TOMBSTONE_SIZE and name[17] == 0x74


def key_of(record: bytes) -> bytes:
    """The key alone. etcd writes it first, so that a short look is enough."""
    if len(record) > 1 and record[0] == 0x0A and (size := record[1]) < 0x80:  # field 1, a length of one byte
        key = record[2 : 2 + size]
        if len(key) == size:
            return key
    return key_value(record).key


def names_and_keys(leaf: Leaf) -> Iterator[tuple[bytes, bytes]]:
    """Of each record of a leaf of the key bucket; its value, which may be long, is not taken out."""
    data = leaf.data
    for start, middle, end in leaf.places():
        if middle + 1 < end and data[middle] == 0x0A and (size := data[middle + 1]) < 0x80 and middle + 2 + size <= end:
            yield data[start:middle], data[middle + 2 : middle + 2 + size]
        else:
            yield data[start:middle], key_of(data[middle:end])


def key_value(record: bytes) -> KeyValue:
    """The whole pair; Corrupt when the bytes are no such message."""
    texts, numbers = {1: b"", 5: b""}, {2: 0, 3: 0, 4: 0, 6: 0}
    for number, value in fields(record):
        if isinstance(value, bytes):
            texts[number] = value
        else:
            numbers[number] = value
    return KeyValue(texts[1], texts[5], numbers[2], numbers[3], numbers[4], numbers[6])


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a protobuf message, in order; Corrupt when it does not parse.

    Varints come as integers of 64 bits, what has a length as bytes; fixed32 and fixed64 as bytes.
    """
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        match tag & 7:
            case 0:
                value, at = _varint(message, at)
                yield tag >> 3, value
                continue
            case 2:
                size, at = _varint(message, at)
            case 1:
                size = 8
            case 5:
                size = 4
            case kind:
                raise Corrupt(f"a field of kind {kind} stands in a record")
        if at + size > end:
            raise Corrupt("a field of a record goes beyond its end")
        yield tag >> 3, message[at : at + size]
        at += size


def signed(value: int) -> int:
    """A varint as the int64 that it stands for."""
    return value - (1 << 64) if value >> 63 else value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        try:
            byte = message[at]
        except IndexError:
            raise Corrupt("a number in a record is cut off") from None
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
    raise Corrupt("a number in a record has more than 64 bits")
