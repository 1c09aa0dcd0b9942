"""Which keys a call is about: one, those with a prefix, or `[key, range_end)`."""

from __future__ import annotations

END_OF_KEYS = b"\0"


def prefix_end(prefix: bytes) -> bytes:
    """The first key after all that begin with `prefix`; one zero byte, "to the end", when there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes((stem[-1] + 1,)) if stem else END_OF_KEYS


def key_range(key: str | bytes, prefix: bool, range_end: str | bytes) -> tuple[bytes, bytes]:
    """As etcd wants it. The empty prefix is every key; etcd takes a zero byte for the empty key there."""
    start = as_bytes(key)
    if prefix and range_end:
        raise ValueError("a range has a prefix or an end, not both")
    if not prefix:
        return start, as_bytes(range_end)
    return start or b"\0", prefix_end(start)


def as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
