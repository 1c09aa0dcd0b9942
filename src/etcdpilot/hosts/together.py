"""Work on several hosts at once, to its end on each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def together(*doing: Awaitable[T]) -> list[T]:
    """All results, or the first failure once everybody has come to an end.

    gather alone lets the others go on behind the error's back, past the lock that is given back meanwhile; and what
    they end with when the loop is closed is then printed as a traceback.
    """
    results = await asyncio.gather(*doing, return_exceptions=True)
    found: list[T] = []
    for each in results:
        if isinstance(each, BaseException):
            raise each
        found.append(each)
    return found
