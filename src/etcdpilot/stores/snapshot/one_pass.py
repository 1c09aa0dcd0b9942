"""The key bucket in one pass for both hashes: the snapshot's, and the server's hash of keys at its own revision.

The half above the compaction is read first: it tells which keys were changed since, and of those the server's hash
leaves out what stands below. The two halves are joined afterwards, in their order.
"""

from __future__ import annotations

from collections.abc import Iterable

from google_crc32c import extend

from etcdpilot.stores.snapshot.bbolt import BoltFile, Bucket, Corrupt, Leaf
from etcdpilot.stores.snapshot.crc import Piece, joined
from etcdpilot.stores.snapshot.mvcc import KEYS
from etcdpilot.stores.snapshot.records import (
    LIVE_SIZE,
    TOMBSTONE_SIZE,
    is_tombstone,
    key_of,
    name_after,
    names_and_keys,
)

RECORD_SIZES = {LIVE_SIZE, TOMBSTONE_SIZE}


class Whole:
    """Leaves that are hashed as they are, and how many items they hold."""

    def __init__(self, leaves: Iterable[Leaf], bucket: bytes) -> None:
        self.piece, self.count = Piece(), 0
        for leaf in leaves:
            require_plain(leaf, bucket)
            self.piece.add(leaf.packed())
            self.count += leaf.count


def require_plain(leaf: Leaf, bucket: bytes) -> None:
    if any(leaf.flags):
        raise Corrupt(f"the bucket {bucket!r} holds another bucket; etcd makes none such")
    if bucket == KEYS and not RECORD_SIZES.issuperset(leaf.key_sizes):
        raise Corrupt("a record of the key bucket has no revision for a name")


class Records:
    """Reads every page of the key bucket once. Memory: the keys changed since the compaction."""

    def __init__(self, database: BoltFile, bucket: Bucket, compacted: int) -> None:
        """`compacted` is the revision, or -1 where there never was a compaction. Corrupt when a page is wrong."""
        self.count = 0
        self._compacted, self._border = compacted, name_after(compacted) if compacted >= 0 else b""
        # In the order of the file: below the border, the leaf on it, above it.
        self._below, self._on, self._above = Piece(), Piece(), Piece()
        self._lives: dict[bytes, bool] = {}  # by key, whether its newest record above the border is none of a deletion
        self._counting_below: Piece | None = None  # where it is not all of it
        self._counting_on = Piece()
        self._one_counts = False  # below the border
        above, below = database.halves(bucket, self._border)
        held = self._read_above(above)
        self._read_below(below)
        for name, value in held:
            if self._counts(name, key_of(value)):
                self._counting_below = self._counting_below or self._below.copy()
                self._counting_below.add(name + value)
                self._one_counts = True

    def hash_of_all(self, value: int) -> int:
        """The hash of what `value` was taken of, and of every record."""
        return joined(value, self._below, self._on, self._above)

    def hash_of_keys(self) -> int | None:
        """As the server gives it, when its compaction was finished; None where no key lives at all, for what counts then
        is another question."""
        if self._compacted >= 0 and not self._one_counts and not any(self._lives.values()):
            return None
        return joined(extend(0, KEYS), self._counting_below or self._below, self._counting_on, self._above)

    def _read_above(self, leaves: Iterable[Leaf]) -> list[tuple[bytes, bytes]]:
        """Returns the records that share the leaf on the border and stand below it."""
        held: list[tuple[bytes, bytes]] = []
        lives, border = self._lives, self._border
        for place, leaf in enumerate(leaves):
            packed = self._packed(leaf)
            if place:
                self._above.add(packed)
            else:
                self._on.add(packed)
                held = [item for item in leaf.items() if item[0] < self._border]
                self._counting_on.add(packed[sum(len(name) + len(value) for name, value in held) :])
            if self._compacted >= 0:
                for name, key in names_and_keys(leaf):
                    if name >= border:
                        lives[key] = not is_tombstone(name)
        return held

    def _read_below(self, leaves: Iterable[Leaf]) -> None:
        lives = self._lives
        for leaf in leaves:
            packed = counting = self._packed(leaf)
            if any(key in lives or is_tombstone(name) for name, key in names_and_keys(leaf)):
                self._counting_below = self._counting_below or self._below.copy()
                items = (item for item in leaf.items() if self._counts(item[0], key_of(item[1])))
                counting = b"".join(name + value for name, value in items)
            if self._counting_below is not None:
                self._counting_below.add(counting)
            self._below.add(packed)
            self._one_counts = self._one_counts or bool(counting)

    def _packed(self, leaf: Leaf) -> bytes:
        require_plain(leaf, KEYS)
        self.count += leaf.count
        return leaf.packed()

    def _counts(self, name: bytes, key: bytes) -> bool:
        """Whether the server's hash counts a record below the border."""
        return not is_tombstone(name) and key not in self._lives
