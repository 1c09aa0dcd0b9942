"""Base64 as Go's standard decoder reads it: line ends are skipped, and what is out of place is named by its byte."""

from __future__ import annotations

import base64

from etcdpilot.rendering.gotemplate.errors import FunctionError

_ALPHABET = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_LINE_ENDS = frozenset(b"\r\n")
_PAD = ord("=")


def decode(data: bytes) -> bytes:
    """Raises FunctionError with the place of the first byte that cannot be there."""
    place = 0
    while place < len(data):
        place = _after_group(data, place)
    return base64.b64decode(bytes(byte for byte in data if byte not in _LINE_ENDS))


def _after_group(data: bytes, place: int) -> int:
    """Where the next group of four begins; padding ends the text."""
    seen = 0
    while seen < 4:
        if place == len(data):
            if seen:
                raise _bad(place - seen)
            return place
        byte = data[place]
        place += 1
        if byte in _ALPHABET:
            seen += 1
        elif byte not in _LINE_ENDS:
            return _after_padding(data, place, seen, byte)
    return place


def _after_padding(data: bytes, place: int, seen: int, byte: int) -> int:
    if byte != _PAD or seen < 2:
        raise _bad(place - 1)
    if seen == 2:
        place = _after_line_ends(data, place)
        if place == len(data):
            raise _bad(place)
        if data[place] != _PAD:
            raise _bad(place - 1)
        place += 1
    place = _after_line_ends(data, place)
    if place < len(data):
        raise _bad(place)
    return place


def _after_line_ends(data: bytes, place: int) -> int:
    while place < len(data) and data[place] in _LINE_ENDS:
        place += 1
    return place


def _bad(place: int) -> FunctionError:
    return FunctionError(f"illegal base64 data at input byte {place}")
