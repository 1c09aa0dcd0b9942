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
from etcdpilot.stores.snapshot.mvcc import KEYS, key_bucket, live_names, records
from etcdpilot.stores.snapshot.records import REVISION, revision_of


def keys_after_restore(database: BoltFile, bump: int) -> KeysHash | None:
    """At the last revision of the restored store; None where a bump has nothing to go by."""
    if not bump:
        return hash_of_keys(database)
    newest = last_name(database)
    if newest is None:
        return None
    main, sub = newest
    name = REVISION.pack(main + bump, b"_", sub)
    return KeysHash(extend(hash_of_living(database), name), main + bump, main + bump)


def hash_of_living(database: BoltFile) -> int:
    """Over the newest record of each living key. The empty key is that of an earlier bump, which the new one replaces.

    Memory: 200 bytes a key.
    """
    staying = {name for key, name in live_names(database).items() if key}
    value: int = extend(0, KEYS)
    for name, content in records(database):
        if name in staying:
            value = extend(value, name + content)
    return value


def last_name(database: BoltFile) -> tuple[int, int] | None:
    """Main and sub revision of the last record."""
    last = None
    for leaf in database.leaves(key_bucket(database), b"\xff"):
        if leaf.count:
            last = revision_of(leaf.last_key())
    return last
