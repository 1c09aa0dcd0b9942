"""Holds a snapshot against a running cluster, key by key: what a restore must have brought back.

Revisions of keys, their versions and leases are compared too: a restore keeps them, also where it bumps the store's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from etcdpilot.etcd.client import Client
from etcdpilot.model.answers import KeyValue
from etcdpilot.model.snapshot_tables import StoredRole, Tables
from etcdpilot.stores.snapshot.bbolt import BoltFile
from etcdpilot.stores.snapshot.mvcc import live_keys
from etcdpilot.stores.snapshot.tables import read_tables

MOST = 20  # differences that are named; the rest is counted
LEASES_AT_ONCE = 64
ROOT = "root"
OWN = b"/etcdpilot/"  # what a proof of health writes and deletes


@dataclass(frozen=True, slots=True)
class Comparison:
    keys: int
    leases: int
    users: int
    differences: tuple[str, ...]


async def compared(path: Path, client: Client) -> Comparison:
    """Memory: about 150 bytes a key. The cluster is read as of one revision."""
    wanted, tables = await asyncio.to_thread(read_snapshot, path)
    found = [each async for each in key_differences(dict(wanted), client)]
    found += [each async for each in lease_differences(tables, client)]
    found += [each async for each in auth_differences(tables, client)]
    named = found[:MOST] + ([f"and {len(found) - MOST} more"] if len(found) > MOST else [])
    return Comparison(len(wanted), len(tables.leases), len(tables.users), tuple(named))


def read_snapshot(path: Path) -> tuple[dict[bytes, bytes], Tables]:
    with BoltFile.open(path) as database:
        return {pair.key: digest(pair) for pair in live_keys(database) if pair.key}, read_tables(database)


def digest(pair: KeyValue) -> bytes:
    made = blake2b(pair.value, digest_size=16)
    made.update(f"{pair.create_revision} {pair.mod_revision} {pair.version} {pair.lease}".encode())
    return made.digest()


async def key_differences(left: dict[bytes, bytes], client: Client) -> AsyncIterator[str]:
    async for pair in client.kv.scan():
        before = left.pop(pair.key, None)
        if before is None and not pair.key.startswith(OWN):
            yield f"{pair.key!r} is not in the snapshot"
        elif before is not None and before != digest(pair):
            yield f"{pair.key!r} has another value, revision, version or lease"
    for key in left:
        yield f"{key!r} is missing"


async def lease_differences(tables: Tables, client: Client) -> AsyncIterator[str]:
    granted = {lease.id: lease.ttl for lease in tables.leases}
    alive = set(await client.leases.list())
    for lease in sorted(granted.keys() - alive):
        yield f"the lease {lease:x} is missing"
    both = sorted(granted.keys() & alive)
    for start in range(0, len(both), LEASES_AT_ONCE):
        some = both[start : start + LEASES_AT_ONCE]
        for lease, said in zip(
            some, await asyncio.gather(*(client.leases.time_to_live(each) for each in some)), strict=True
        ):
            if said.granted_ttl != granted[lease]:
                yield f"the lease {lease:x} was granted {granted[lease]} s and has {said.granted_ttl} s"


async def auth_differences(tables: Tables, client: Client) -> AsyncIterator[str]:
    users = {user.name: tuple(sorted(user.roles)) for user in tables.users}
    there = {name: tuple(sorted(await client.auth.roles_of(name))) for name in await client.auth.users()}
    for line in named_differences("user", users, there):
        yield line
    # What root may do is not stored, though newer releases tell it.
    roles = {role.name: stored(role) for role in tables.roles if role.name != ROOT}
    held = {name: await permissions(client, name) for name in await client.auth.roles() if name != ROOT}
    for line in named_differences("role", roles, held):
        yield line


def stored(role: StoredRole) -> tuple[tuple[str, bytes, bytes], ...]:
    return tuple(sorted((each.kind, each.key, each.range_end) for each in role.permissions))


async def permissions(client: Client, role: str) -> tuple[tuple[str, bytes, bytes], ...]:
    found = await client.auth.permissions_of(role)
    return tuple(sorted((each.access.value, each.key, each.range_end) for each in found))


def named_differences(what: str, wanted: Mapping[str, object], found: Mapping[str, object]) -> Iterator[str]:
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            state = "is missing" if name not in found else "was not there" if name not in wanted else "differs"
            yield f"the {what} {name} {state}"
