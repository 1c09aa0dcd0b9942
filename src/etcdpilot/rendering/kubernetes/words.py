"""Kinds that are messages on the wire and one word in JSON: times, quantities, a port by number or name."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from etcdpilot.rendering.kubernetes.wire import Malformed, fields, signed

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNITS = (("h", 3600 * 10**9), ("m", 60 * 10**9))


def time(raw: bytes) -> object:
    """Whole seconds, as `2024-05-06T07:08:09Z`; the zero time is null."""
    moment = _moment(raw)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20) if isinstance(moment, datetime) else moment


def micro_time(raw: bytes) -> object:
    moment = _moment(raw)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").zfill(27) if isinstance(moment, datetime) else moment


def _moment(raw: bytes) -> datetime | int | None:
    numbers = _numbers(raw)
    seconds, nanos = numbers.get(1, 0), numbers.get(2, 0)
    if not seconds and not nanos:
        return None
    try:
        return EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    except OverflowError:
        return seconds


def duration(raw: bytes) -> str:
    """As Go writes it: `1h2m3.5s`."""
    left = _numbers(raw).get(1, 0)
    sign, left = ("-", -left) if left < 0 else ("", left)
    if left < 10**9:
        return sign + _small(left)
    words = ""
    for unit, size in UNITS:
        if words or left >= size:
            words += f"{left // size}{unit}"
        left %= size
    return f"{sign}{words}{_decimal(left, 10**9)}s"


def _small(nanos: int) -> str:
    if nanos == 0:
        return "0s"
    for unit, size in (("ns", 1), ("µs", 1000), ("ms", 10**6)):
        if nanos < size * 1000:
            return f"{_decimal(nanos, size)}{unit}"
    raise AssertionError("a second is not small")


def _decimal(number: int, size: int) -> str:
    whole, rest = divmod(number, size)
    digits = f"{rest:0{len(str(size)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)


def quantity(raw: bytes) -> str:
    """`100m`, `1Gi`: a text on the wire as well."""
    for field in fields(raw):
        if field.number == 1 and isinstance(field.value, bytes):
            return field.value.decode("utf-8", errors="replace")
    return "0"


def int_or_string(raw: bytes) -> object:
    """1 says which of the two it is, 2 holds the number, 3 the text."""
    text = next((field.value for field in fields(raw) if field.number == 3 and isinstance(field.value, bytes)), b"")
    numbers = _numbers(raw)
    return text.decode("utf-8", errors="replace") if numbers.get(1) == 1 else numbers.get(2, 0)


def raw_json(raw: bytes) -> object:
    """JSON inside a message, such as the fields that a manager owns."""
    for field in fields(raw):
        if field.number == 1 and isinstance(field.value, bytes):
            try:
                return json.loads(field.value)
            except (ValueError, RecursionError):
                raise Malformed("what should be JSON is not") from None
    return None


def _numbers(raw: bytes) -> dict[int, int]:
    return {field.number: signed(field.value) for field in fields(raw) if isinstance(field.value, int)}
