"""What differs between two snapshots, key by key. They may be of two clusters: values are compared, not revisions."""

from __future__ import annotations

from collections.abc import Iterator

from etcdpilot.model.answers import KeyValue
from etcdpilot.model.snapshot_contents import ChangeKind, KeyChange, KeyState, TableDifference
from etcdpilot.stores.snapshot.bbolt import BoltFile
from etcdpilot.stores.snapshot.mvcc import live_keys
from etcdpilot.stores.snapshot.tables import read_tables

# A value is remembered by Python's own 64-bit hash, which is keyed afresh in every process: good enough to tell two
# values of one key apart, and much smaller than the values.
Seen = dict[bytes, tuple[KeyState, int]]


def differences(before: BoltFile, after: BoltFile, *, prefix: bytes = b"") -> Iterator[KeyChange]:
    """Every key that was added, changed or rewritten, as the newer file comes to it, then every removed one.

    Memory: some 500 bytes a key; no values.
    """
    left: Seen = {pair.key: (_state(pair), hash(pair.value)) for pair in live_keys(before, prefix=prefix)}
    for pair in live_keys(after, prefix=prefix):
        old = left.pop(pair.key, None)
        if old is None:
            yield KeyChange(ChangeKind.ADDED, pair.key, None, _state(pair))
        elif (kind := _kind(old, pair)) is not None:
            yield KeyChange(kind, pair.key, old[0], _state(pair))
    for key, (state, _) in left.items():
        yield KeyChange(ChangeKind.REMOVED, key, state, None)


def table_differences(before: BoltFile, after: BoltFile) -> TableDifference:
    return TableDifference.between(read_tables(before), read_tables(after))


def _kind(old: tuple[KeyState, int], pair: KeyValue) -> ChangeKind | None:
    state, value_hash = old
    if (state.size, value_hash, state.lease) != (len(pair.value), hash(pair.value), pair.lease):
        return ChangeKind.CHANGED
    return ChangeKind.REWRITTEN if state.mod_revision != pair.mod_revision else None


def _state(pair: KeyValue) -> KeyState:
    return KeyState(pair.mod_revision, len(pair.value), pair.lease)
