"""What differs between two sets of keys, each in the order of bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum

Named = tuple[bytes, bytes]  # a key without its side's prefix, and its value


class Change(Enum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class KeyDifference:
    """`before` and `after` are values; None where the key is not there."""

    key: bytes
    before: bytes | None
    after: bytes | None

    @property
    def change(self) -> Change:
        if self.before is None:
            return Change.ADDED
        return Change.REMOVED if self.after is None else Change.CHANGED


async def differences(before: AsyncIterator[Named], after: AsyncIterator[Named]) -> AsyncIterator[KeyDifference]:
    """Both sides are read once, side by side; memory does not grow with them."""
    old, new = await anext(before, None), await anext(after, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old[0] < new[0]):
            assert old is not None
            yield KeyDifference(old[0], old[1], None)
            old = await anext(before, None)
        elif old is None or new[0] < old[0]:
            yield KeyDifference(new[0], None, new[1])
            new = await anext(after, None)
        else:
            if old[1] != new[1]:
                yield KeyDifference(old[0], old[1], new[1])
            old, new = await anext(before, None), await anext(after, None)
