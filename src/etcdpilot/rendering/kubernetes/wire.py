"""Protobuf's wire format: fields by number, without a schema. Source: the public encoding document of Protocol Buffers."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
DEEPEST = 6


class Malformed(ValueError):
    """These bytes are no protobuf message."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it stands on the wire: an unsigned integer for the numbers, bytes for all else."""

    number: int
    wire_type: int
    value: int | bytes


def fields(message: bytes) -> Iterator[Field]:
    """Every field in order; Malformed where the bytes stop making sense."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire_type = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise Malformed(f"field number {number}")
        value, at = _value(message, at, wire_type)
        yield Field(number, wire_type, value)


def _value(message: bytes, at: int, wire_type: int) -> tuple[int | bytes, int]:
    match wire_type:
        case 0:
            return _varint(message, at)
        case 1 | 5:
            size = 8 if wire_type == FIXED64 else 4
            return int.from_bytes(_taken(message, at, size), "little"), at + size
        case 2:
            size, at = _varint(message, at)
            return _taken(message, at, size), at + size
        case _:  # groups have not been written for twenty years, and Kubernetes never wrote them
            raise Malformed(f"wire type {wire_type}")


def _taken(message: bytes, at: int, size: int) -> bytes:
    if at + size > len(message):
        raise Malformed("cut short")
    return message[at : at + size]


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        if at + place >= len(message):
            raise Malformed("cut short")
        byte = message[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value & (1 << 64) - 1, at + place + 1
    raise Malformed("a number of more than ten bytes")


def signed(value: int) -> int:
    """A negative number is written as its 64 bits."""
    return value - (1 << 64) if value >= 1 << 63 else value


def shown(field: Field, depth: int = 0) -> object:
    """A field nobody has a name for: a number, a text, a message by its numbers, or base64."""
    if isinstance(field.value, int):
        return signed(field.value)
    return _text(field.value) if _is_text(field.value) else _message(field.value, depth)


def by_number(message: bytes, depth: int = 0) -> dict[str, object]:
    """A whole message by its numbers: `{"#1": …}`, a list where a number comes again; Malformed."""
    found: dict[str, list[object]] = {}
    for field in fields(message):
        found.setdefault(f"#{field.number}", []).append(shown(field, depth + 1))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _message(raw: bytes, depth: int) -> object:
    if depth < DEEPEST:
        try:
            return by_number(raw, depth)
        except Malformed:
            pass
    return base64.b64encode(raw).decode()


def _is_text(raw: bytes) -> bool:
    try:
        return all(each.isprintable() or each in "\n\t\r" for each in raw.decode())
    except UnicodeDecodeError:
        return False


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", errors="replace")
