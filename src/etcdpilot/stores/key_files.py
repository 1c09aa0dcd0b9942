"""Reads files of exports, line by line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import BinaryIO

from etcdpilot.model.errors import SpecError
from etcdpilot.model.key_lines import Head, Line, Pair, read_line

AT_ONCE = 256


async def lines_of(source: str) -> AsyncIterator[Line]:
    """`-` is standard input. SpecError for a line that is none; the file's end alone says nothing about a cut."""
    with _opened(source) as file:
        numbered = enumerate(file, 1)
        # In a thread: an input that comes slowly shall not hold up the writes that are on their way.
        while part := await asyncio.to_thread(lambda: list(islice(numbered, AT_ONCE))):
            for number, text in part:
                if text.strip():
                    yield read_line(text, number, source)


async def pairs_of(source: str) -> AsyncIterator[tuple[bytes, bytes]]:
    """Keys without the prefix that was exported, and their values, in the order of bytes."""
    prefix, last = b"", b""
    async for line in lines_of(source):
        match line:
            case Head():
                prefix = line.prefix
            case Pair():
                if line.key <= last:
                    raise SpecError(f"{source} is not in the order of keys: {line.key!r} follows {last!r}.")
                last = line.key
                yield line.key.removeprefix(prefix), line.value
            case _:
                pass


@contextmanager
def _opened(source: str) -> Iterator[BinaryIO]:
    if source == "-":
        yield sys.stdin.buffer
        return
    try:
        with open(source, "rb") as file:
            yield file
    except OSError as error:
        raise SpecError(f"{source} cannot be read.", why=error.strerror or str(error)) from None
