"""The keys in a snapshot: every record in the order of revisions, and the keys that live at one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from etcdpilot.model.answers import KeyValue
from etcdpilot.stores.snapshot.bbolt import BoltFile, Bucket, Corrupt
from etcdpilot.stores.snapshot.records import (
    LIVE_SIZE,
    TOMBSTONE_SIZE,
    is_tombstone,
    key_of,
    key_value,
    name_after,
    revision_of,
)

KEYS, META = b"key", b"meta"
SCHEDULED, FINISHED = b"scheduledCompactRev", b"finishedCompactRev"
NEVER = -1


class OutOfRange(ValueError):
    """The snapshot does not hold that revision: it was compacted away, or is yet to come."""


@dataclass(frozen=True, slots=True)
class Revisions:
    """Which revisions a snapshot holds; -1 where there never was a compaction."""

    current: int  # etcd goes on counting from here
    newest_record: int  # what `snapshot status` calls the revision; 0 without any record
    scheduled_compaction: int = NEVER
    finished_compaction: int = NEVER

    @property
    def compacted(self) -> int:
        """Revisions up to here are gone or about to go."""
        return max(self.scheduled_compaction, self.finished_compaction)

    def require(self, revision: int) -> None:
        if revision > self.current:
            raise OutOfRange(f"revision {revision} is not in the snapshot, which ends at {self.current}")
        if revision < self.compacted:
            raise OutOfRange(f"revision {revision} was compacted away: the snapshot begins at {self.compacted}")


def key_bucket(database: BoltFile) -> Bucket:
    """The bucket of all records; Corrupt when there is none, as in a bbolt file of some other program."""
    bucket = database.bucket(KEYS)
    if bucket is None:
        raise Corrupt("there is no bucket of keys in it: this is a bbolt database, but not one of etcd")
    return bucket


def read_revisions(database: BoltFile) -> Revisions:
    """What etcd itself would find on starting with this file."""
    scheduled, finished = compactions(database)
    newest = newest_record(database)
    # A store counts from 1; and after a compaction of nothing but tombstones no record is as new as the compaction.
    return Revisions(max(1, newest, scheduled, finished), newest, scheduled, finished)


def compactions(database: BoltFile) -> tuple[int, int]:
    """The revisions up to which a compaction was begun, and was finished; -1 where there never was one."""
    meta = database.bucket(META)
    table = dict(database.items(meta)) if meta else {}
    return _main_of(table.get(SCHEDULED)), _main_of(table.get(FINISHED))


def newest_record(database: BoltFile) -> int:
    """The main revision of the last record, by one way down the tree; 0 without any."""
    last = 0
    for leaf in database.leaves(key_bucket(database), b"\xff"):
        if leaf.count:
            last = revision_of(leaf.last_key())[0]
    return last


def records(database: BoltFile, after: int = NEVER, upto: int | None = None) -> Iterator[tuple[bytes, bytes]]:
    """Name and raw value of each record with `after` < revision ≤ `upto`, in order; one page in memory at a time."""
    first, end = name_after(after) if after >= 0 else b"", None if upto is None else name_after(upto)
    for leaf in database.leaves(key_bucket(database), first):
        if any(size not in (LIVE_SIZE, TOMBSTONE_SIZE) for size in leaf.key_sizes):
            raise Corrupt("a record of the key bucket has no revision for a name")
        for name, value in leaf.items():
            if end is not None and name >= end:
                return
            if name >= first:
                yield name, value


def live_names(database: BoltFile, *, at: int | None = None, prefix: bytes = b"") -> dict[bytes, bytes]:
    """Each live key, with the name of its newest record. Memory: about 200 bytes a key; values are not held.

    OutOfRange when the snapshot does not hold revision `at`.
    """
    if at is not None:
        read_revisions(database).require(at)
    newest: dict[bytes, bytes] = {}
    for name, value in records(database, upto=at):
        key = key_of(value)
        if not key.startswith(prefix):
            continue
        if is_tombstone(name):
            newest.pop(key, None)
        else:
            newest[key] = name
    return newest


def live_keys(database: BoltFile, *, at: int | None = None, prefix: bytes = b"") -> Iterator[KeyValue]:
    """Each live key with its value, in the order of its last change; one value in memory at a time."""
    newest = live_names(database, at=at, prefix=prefix)
    for name, value in records(database, upto=at):
        if newest.get(key_of(value)) == name:
            yield key_value(value)


def live_count(database: BoltFile, *, at: int | None = None) -> int:
    """How many keys live: `totalKey` of etcdutl from 3.6 on. Memory: about 100 bytes a key."""
    seen: set[bytes] = set()
    for name, value in records(database, upto=at):
        if is_tombstone(name):
            seen.discard(key_of(value))
        else:
            seen.add(key_of(value))
    return len(seen)


def _main_of(name: bytes | None) -> int:
    return NEVER if name is None else revision_of(name)[0]
