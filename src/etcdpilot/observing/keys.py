"""Looks at keys: present, past, as they change, as an export."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from etcdpilot.etcd.client import Client
from etcdpilot.etcd.errors import Compacted
from etcdpilot.etcd.watch import Watcher
from etcdpilot.model.answers import EventType, Header, KeyValue, WatchEvent, WatchProgress
from etcdpilot.model.key_lines import End, Head, LeaseLine, Line, Pair
from etcdpilot.model.key_tree import Branch, parts_of

# How long the watch of a history must be quiet: etcd sends what is old every 100 ms.
QUIET_SECONDS, LONGEST_SECONDS = 0.35, 30.0


@dataclass(frozen=True, slots=True)
class Selection:
    """`revision` 0 is the present one, `limit` 0 is all."""

    key: bytes
    prefix: bool = False
    revision: int = 0
    limit: int = 0
    keys_only: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """`count` is how many keys there are, whatever the limit."""

    header: Header
    count: int
    kvs: AsyncIterator[KeyValue]


@dataclass(frozen=True, slots=True)
class Lost:
    """Changes from one revision up to, not including, the other are compacted away: nobody can tell them any more."""

    since: int
    until: int


async def get(client: Client, wanted: Selection) -> Found:
    """One state of the store, read a few megabytes at a time."""
    if not wanted.prefix or wanted.limit:
        answer = await client.kv.range(
            wanted.key,
            prefix=wanted.prefix,
            revision=wanted.revision,
            limit=wanted.limit,
            keys_only=wanted.keys_only,
        )
        return Found(answer.header, answer.count, _each(answer.kvs))
    answer = await client.kv.range(wanted.key, prefix=True, revision=wanted.revision, count_only=True)
    at = wanted.revision or answer.header.revision
    return Found(answer.header, answer.count, client.kv.scan(wanted.key, revision=at, keys_only=wanted.keys_only))


async def _each(kvs: tuple[KeyValue, ...]) -> AsyncIterator[KeyValue]:
    for kv in kvs:
        yield kv


async def tree(client: Client, prefix: bytes, depth: int) -> Branch:
    """Counts and sizes below a prefix, `depth` parts deep."""
    root = Branch()
    async for kv in client.kv.scan(prefix):
        root.add(parts_of(kv.key, prefix, depth), len(kv.key) + len(kv.value))
    return root


async def watch(
    client: Client, wanted: Selection, *, previous: bool = False, begun: Callable[[], None] | None = None
) -> AsyncIterator[WatchEvent | Lost]:
    """Every change, whatever becomes of members; where some are compacted away, that is said and the rest follows."""
    start = wanted.revision
    while True:
        watcher = client.watch(wanted.key, prefix=wanted.prefix, start_revision=start, previous=previous)
        try:
            async with watcher:
                if begun is not None:
                    begun()
                async for event in watcher:
                    if isinstance(event, WatchEvent):
                        yield event
        except Compacted as gone:
            lost_since = watcher.next_revision or start
            if gone.revision <= lost_since:  # etcd does not tell from where on it can
                raise
            yield Lost(lost_since, gone.revision)
            start = gone.revision


async def history(client: Client, key: bytes) -> tuple[WatchEvent, ...]:
    """Every revision of a key that is still kept, oldest first; a delete is one too."""
    present = await client.kv.range(key)
    oldest = 1
    while True:
        try:
            now = present.kvs[0] if present.kvs else None
            events = await _changes(client, key, oldest, present.header.revision, now)
            break
        except Compacted as gone:
            if gone.revision <= oldest:
                raise
            oldest = gone.revision
    first = await _before(client, key, oldest)
    if first is not None and all(event.revision != first.mod_revision for event in events):
        events.insert(0, WatchEvent(EventType.PUT, first))
    return tuple(events)


async def _before(client: Client, key: bytes, oldest: int) -> KeyValue | None:
    """What the key was at the oldest revision, which may have been written long before it."""
    if oldest <= 1:
        return None
    try:
        return await client.kv.get(key, revision=oldest)
    except Compacted:  # once more, meanwhile
        return None


async def _changes(client: Client, key: bytes, oldest: int, until: int, now: KeyValue | None) -> list[WatchEvent]:
    events: list[WatchEvent] = []
    async with client.watch(key, start_revision=oldest, progress=True) as watcher, asyncio.timeout(LONGEST_SECONDS):
        quiet_since = asyncio.get_running_loop().time()
        while True:
            heard = await _heard(watcher)
            if isinstance(heard, WatchEvent) and heard.revision <= until:
                events.append(heard)
                quiet_since = asyncio.get_running_loop().time()
            if now is not None and events and events[-1].revision >= now.mod_revision:
                return events
            announced = isinstance(heard, WatchProgress) and heard.revision >= until
            beyond = isinstance(heard, WatchEvent) and heard.revision > until
            # 3.4 before 3.4.25 and 3.5 before 3.5.8 announce too early, so it must be quiet for a while as well.
            if beyond or (announced and asyncio.get_running_loop().time() - quiet_since > QUIET_SECONDS):
                return events


async def _heard(watcher: Watcher) -> WatchEvent | WatchProgress | None:
    try:
        async with asyncio.timeout(0.1):
            return await anext(watcher)
    except TimeoutError:
        await watcher.request_progress()
        return None


async def export(client: Client, prefix: bytes, revision: int = 0) -> AsyncIterator[Line]:
    """The lines of an export: one state of the store, in the order of bytes."""
    found = await get(client, Selection(prefix, prefix=True, revision=revision))
    yield Head(prefix, revision or found.header.revision, found.count)
    leases: set[int] = set()
    keys = 0
    async for kv in found.kvs:
        if kv.lease and kv.lease not in leases:
            leases.add(kv.lease)
            yield LeaseLine(kv.lease, (await client.leases.time_to_live(kv.lease)).granted_ttl)
        keys += 1
        yield Pair(kv.key, kv.value, kv.lease)
    yield End(keys)


async def pairs_below(client: Client, prefix: bytes) -> AsyncIterator[tuple[bytes, bytes]]:
    """Keys without the prefix, and their values, in the order of bytes."""
    async for kv in client.kv.scan(prefix):
        yield kv.key[len(prefix) :], kv.value
