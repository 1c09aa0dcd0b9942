"""The two hashes of etcd, computed from the file alone; both are CRC-32C (Castagnoli).

The snapshot's (`snapshot status`) goes over each bucket's name and then each of its keys and values. It says that two
files hold the same, down to consistent index and leases.

The server's hash of keys (`endpoint hashkv`) goes over the word `key` and every record up to a revision, without those
that a compaction removes. The server may not have removed them yet, so at or below the compaction both sides count only
the newest record of each key that still lives at the revision asked for (hash.go and key_index.go in
server/storage/mvcc of etcd; the same from 3.4 to 3.7). A tombstone at the compaction is not counted either: from 3.4.34
and 3.5.16 on it is kept, older ones delete it.
"""

from __future__ import annotations

from collections.abc import Callable

from google_crc32c import extend

from etcdpilot.model.snapshots import KeysHash, Snapshot
from etcdpilot.stores.snapshot.bbolt import BoltFile, Leaf
from etcdpilot.stores.snapshot.crc import joined
from etcdpilot.stores.snapshot.mvcc import KEYS, OutOfRange, Revisions, compactions, key_bucket, read_revisions, records
from etcdpilot.stores.snapshot.one_pass import Records, Whole, require_plain
from etcdpilot.stores.snapshot.records import is_tombstone, key_of, name_after, revision_of
from etcdpilot.stores.snapshot.tables import read_progress

Keeps = Callable[[bytes, bytes], bool]
Part = Callable[[Leaf], bytes]


def read_snapshot(database: BoltFile) -> Snapshot:
    """Reads every page in use once. Corrupt when one is wrong."""
    database.require_whole()
    value = count = 0
    for bucket in database.buckets():
        value = extend(value, bucket.name)
        whole = Whole(database.leaves(bucket), bucket.name)
        value, count = joined(value, whole.piece), count + whole.count
    return _snapshot(database, value, count)


def read_with_keys(database: BoltFile) -> tuple[Snapshot, KeysHash]:
    """The same, and the hash of keys at the snapshot's own revision and compaction, in one pass for both."""
    database.require_whole()
    value = count = 0
    keys_value: int | None = None
    scheduled, finished = compactions(database)
    for bucket in database.buckets():
        value = extend(value, bucket.name)
        if bucket.name == KEYS and finished >= scheduled:
            records = Records(database, bucket, finished)
            value, count = records.hash_of_all(value), count + records.count
            keys_value = records.hash_of_keys()
        else:
            whole = Whole(database.leaves(bucket), bucket.name)
            value, count = joined(value, whole.piece), count + whole.count
    snapshot = _snapshot(database, value, count)
    if keys_value is None:
        return snapshot, hash_of_keys(database)
    return snapshot, KeysHash(keys_value, snapshot.current_revision, finished)


def _snapshot(database: BoltFile, value: int, count: int) -> Snapshot:
    revisions, progress = read_revisions(database), read_progress(database)
    return Snapshot(
        revision=revisions.newest_record,
        hash=value,
        records=count,
        total_size=database.meta.size,
        compact_revision=revisions.compacted,
        consistent_index=progress.consistent_index,
        term=progress.term,
        storage_version=progress.storage_version,
        cluster_version=progress.cluster_version,
    )


def hash_of_keys(database: BoltFile, *, revision: int | None = None, compact_revision: int | None = None) -> KeysHash:
    """The hash that a server with this data gives for `revision`, compacted at `compact_revision`.

    Both default to the snapshot's own. A later compaction than its own can be asked for: the live cluster may have
    compacted since. OutOfRange when the snapshot cannot tell, because records are gone or not there yet.
    """
    revisions = read_revisions(database)
    upto = revisions.current if revision is None else revision
    compacted = revisions.compacted if compact_revision is None else compact_revision
    revisions.require(upto)
    if not revisions.compacted <= compacted <= upto:
        raise OutOfRange(
            f"a hash compacted at {compacted} cannot be told from a snapshot compacted at {revisions.compacted}, "
            f"at revision {upto}"
        )
    part = _part_that_counts(database, revisions, upto, compacted)
    value = extend(0, KEYS)
    for leaf in database.leaves(key_bucket(database)):
        require_plain(leaf, KEYS)
        value = extend(value, part(leaf))
    return KeysHash(value, upto, compacted)


def _part_that_counts(database: BoltFile, revisions: Revisions, upto: int, compacted: int) -> Part:
    """Gives the bytes of a leaf that the server hashes; all at once where nothing of it is left out."""
    settled = revisions.finished_compaction >= compacted
    keeps = _keeper(database, compacted, upto, settled) if compacted >= 0 else None
    border, end = name_after(max(compacted, 0)), name_after(upto)

    def part(leaf: Leaf) -> bytes:
        if not leaf.count or (leaf.last_key() < end and (keeps is None or next(leaf.items())[0] >= border)):
            return leaf.packed()
        return b"".join(
            name + value
            for name, value in leaf.items()
            if name < end and (keeps is None or name >= border or keeps(name, value))
        )

    return part


def _keeper(database: BoltFile, compacted: int, upto: int, settled: bool) -> Keeps:
    """Says of a record at or below the compaction whether the server's hash counts it.

    Memory: the keys changed since the compaction; every key's newest record too while a compaction has not finished.
    """
    lives = {key_of(value): not is_tombstone(name) for name, value in records(database, compacted, upto)}
    newest = None if settled else {key_of(value): name for name, value in records(database, upto=compacted)}

    def is_newest_of_a_live_key(name: bytes, value: bytes) -> bool:
        if is_tombstone(name) or (key := key_of(value)) in lives:
            return False
        return newest is None or newest[key] == name

    if any(lives.values()) or any(is_newest_of_a_live_key(*record) for record in records(database, upto=compacted)):
        return is_newest_of_a_live_key
    # Where no key lives, the server leaves nothing out but the tombstone at the compaction.
    return lambda name, value: not (is_tombstone(name) and revision_of(name)[0] == compacted)
