"""Reads the small buckets of a snapshot: server/storage/schema of etcd, the same from 3.4 to 3.7 but for additions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from etcdpilot.model.snapshot_tables import (
    AlarmKind,
    Permission,
    Progress,
    StoredAlarm,
    StoredLease,
    StoredMember,
    StoredRole,
    StoredUser,
    Tables,
)
from etcdpilot.stores.snapshot.bbolt import BoltFile, Bucket, Corrupt
from etcdpilot.stores.snapshot.records import fields, signed

T = TypeVar("T")
PERMISSIONS = {0: "read", 1: "write", 2: "readwrite"}


def read_tables(database: BoltFile) -> Tables:
    """All of them. Corrupt when an entry is not what etcd writes there; a missing bucket is an empty one."""
    buckets = {bucket.name: bucket for bucket in database.buckets()}
    auth = _table(database, buckets, b"auth")
    return Tables(
        members=tuple(_each(_member, _table(database, buckets, b"members"))),
        removed_members=tuple(_each(lambda key, _: int(key, 16), _table(database, buckets, b"members_removed"))),
        alarms=tuple(_each(_alarm, _table(database, buckets, b"alarm"))),
        leases=tuple(_each(_lease, _table(database, buckets, b"lease"))),
        users=tuple(_each(_user, _table(database, buckets, b"authUsers"))),
        roles=tuple(_each(_role, _table(database, buckets, b"authRoles"))),
        auth_enabled=auth.get(b"authEnabled", b"") == b"\x01",
        auth_revision=_number(auth, b"authRevision"),
        progress=_progress(_table(database, buckets, b"meta"), _table(database, buckets, b"cluster")),
    )


def read_progress(database: BoltFile) -> Progress:
    """The entries of the buckets `meta` and `cluster` alone."""
    buckets = {bucket.name: bucket for bucket in database.buckets()}
    return _progress(_table(database, buckets, b"meta"), _table(database, buckets, b"cluster"))


def _progress(meta: Mapping[bytes, bytes], cluster: Mapping[bytes, bytes]) -> Progress:
    return Progress(
        consistent_index=_number(meta, b"consistent_index"),
        term=_number(meta, b"term"),
        storage_version=meta.get(b"storageVersion", b"").decode(errors="replace"),
        cluster_version=cluster.get(b"clusterVersion", b"").decode(errors="replace"),
    )


def _table(database: BoltFile, buckets: Mapping[bytes, Bucket], name: bytes) -> dict[bytes, bytes]:
    return dict(database.items(buckets[name])) if name in buckets else {}


def _each(read: Callable[[bytes, bytes], T], table: Mapping[bytes, bytes]) -> list[T]:
    try:
        return [read(key, value) for key, value in table.items()]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as wrong:
        raise Corrupt(f"an entry is not what etcd writes there: {wrong}") from wrong


def _number(table: Mapping[bytes, bytes], name: bytes) -> int:
    return int.from_bytes(table.get(name, b""), "big")


def _member(key: bytes, value: bytes) -> StoredMember:
    document: dict[str, Any] = json.loads(value)
    return StoredMember(
        id=int(key, 16),
        name=str(document.get("name", "")),
        peer_urls=tuple(document.get("peerURLs") or ()),
        client_urls=tuple(document.get("clientURLs") or ()),
        is_learner=bool(document.get("isLearner", False)),
    )


def _alarm(key: bytes, _: bytes) -> StoredAlarm:
    """The message etcdserverpb.AlarmMember is the key itself."""
    entry = dict(fields(key))
    number = _int(entry.get(2, 0))
    return StoredAlarm(_int(entry.get(1, 0)), AlarmKind(number) if number in (0, 1, 2) else number)


def _lease(key: bytes, value: bytes) -> StoredLease:
    entry = dict(fields(value))
    identity = int.from_bytes(key, "big", signed=True)
    return StoredLease(identity, signed(_int(entry.get(2, 0))), signed(_int(entry.get(3, 0))))


def _user(key: bytes, value: bytes) -> StoredUser:
    entry = list(fields(value))
    roles = tuple(_text(field) for number, field in entry if number == 3)
    return StoredUser(key.decode(errors="replace"), roles, any(number == 2 and field for number, field in entry))


def _role(key: bytes, value: bytes) -> StoredRole:
    permissions = tuple(_permission(_bytes(field)) for number, field in fields(value) if number == 2)
    return StoredRole(key.decode(errors="replace"), permissions)


def _permission(message: bytes) -> Permission:
    entry = dict(fields(message))
    return Permission(PERMISSIONS[_int(entry.get(1, 0))], _bytes(entry.get(2, b"")), _bytes(entry.get(3, b"")))


def _int(value: int | bytes) -> int:
    if isinstance(value, int):
        return value
    raise ValueError(f"a number was expected, not {value!r}")


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    raise ValueError(f"a text was expected, not {value}")


def _text(value: int | bytes) -> str:
    return _bytes(value).decode(errors="replace")
