"""What a member that is restored from a snapshot will answer for the hash of its keys, computed from the file alone.

With a bumped revision, etcd's tool writes one more record: the newest one's revision with the bump added, and nothing in
it, neither key nor value (no range reaches the empty key); and it marks that revision as compacted. So the restored
member drops everything but the newest record of each living key, and the empty record, which counts as one.
"""

from __future__ import annotations

from google_crc32c import extend

from etcdpilot.model.snapshots import KeysHash
from etcdpilot.stores.snapshot.bbolt import BoltFile
from etcdpilot.stores.snapshot.hashes import hash_of_keys
from etcdpilot.stores.snapshot.mvcc import key_bucket, read_revisions
from etcdpilot.stores.snapshot.records import REVISION, revision_of


def keys_after_restore(database: BoltFile, bump: int) -> KeysHash | None:
    """At the last revision of the restored store; None where a bump has nothing to go by."""
    if not bump:
        return hash_of_keys(database)
    newest = last_name(database)
    if newest is None:
        return None
    current = read_revisions(database).current
    living = hash_of_keys(database, revision=current, compact_revision=current)
    main, sub = newest
    name = REVISION.pack(main + bump, b"_", sub)
    return KeysHash(extend(living.hash, name), main + bump, main + bump)


def last_name(database: BoltFile) -> tuple[int, int] | None:
    """Main and sub revision of the last record."""
    last = None
    for leaf in database.leaves(key_bucket(database), b"\xff"):
        if leaf.count:
            last = revision_of(leaf.last_key())
    return last
