"""The digest of a stream that ends with its own digest."""

from __future__ import annotations

import asyncio
import hashlib

from hypothesis import given
from hypothesis import strategies as st

from etcdpilot.etcd import trailing_digest
from etcdpilot.etcd.trailing_digest import TrailingDigest


@given(st.binary(max_size=5000), st.lists(st.integers(1, 900), max_size=20), st.integers(1, 700))
def test_however_the_stream_is_cut_the_trailer_is_left_out_of_the_digest(
    body: bytes, cuts: list[int], piece: int
) -> None:
    async def digest() -> tuple[bytes, bytes, int]:
        found, rest = TrailingDigest(), stream
        for size in cuts:
            await found.feed(rest[:size])
            rest = rest[size:]
        await found.feed(rest)
        return (*await found.finish(), found.size)

    stream = body + hashlib.sha256(body).digest()
    whole = trailing_digest.PIECE_BYTES
    trailing_digest.PIECE_BYTES = piece
    try:
        assert asyncio.run(digest()) == (stream[-32:], stream[-32:], len(stream))
    finally:
        trailing_digest.PIECE_BYTES = whole
