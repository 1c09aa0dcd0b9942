"""The keys of a real etcd."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from etcdpilot.etcd.client import Client
from etcdpilot.etcd.errors import Compacted
from etcdpilot.model.answers import EventType, KeyValue, WatchEvent
from etcdpilot.serving.confd.source import Change, HistoryLost, State, covers, outermost

# So many ranges are asked for at once; etcd answers them from one revision all the same.
_AT_ONCE = 32


class EtcdSource:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def state(self, paths: Sequence[str]) -> State:
        """One revision for all: that of the first answer."""
        outer = outermost(paths)
        if not outer:
            return State({}, 0)
        first = await self._client.kv.range(_prefix(outer[0]), prefix=True)
        revision = first.header.revision
        found = _covered(outer[0], first.kvs)
        gate = asyncio.Semaphore(_AT_ONCE)
        for rest in await asyncio.gather(*(self._at(path, revision, gate) for path in outer[1:])):
            found |= rest
        return State(found, revision)

    async def _at(self, path: str, revision: int, gate: asyncio.Semaphore) -> dict[bytes, bytes]:
        async with gate:
            answer = await self._client.kv.range(_prefix(path), prefix=True, revision=revision)
        return _covered(path, answer.kvs)

    async def changes(self, path: str, after: int) -> AsyncGenerator[Change, None]:
        try:
            async with self._client.watch(_prefix(path), prefix=True, start_revision=after + 1) as events:
                async for event in events:
                    if isinstance(event, WatchEvent) and covers(path, event.kv.key):
                        value = event.kv.value if event.type is EventType.PUT else None
                        yield Change(event.kv.key, value, event.revision)
        except Compacted as compacted:
            raise HistoryLost(str(compacted)) from None


def _prefix(path: str) -> str:
    return "" if path == "/" else path


def _covered(path: str, kvs: Sequence[KeyValue]) -> dict[bytes, bytes]:
    return {kv.key: kv.value for kv in kvs if covers(path, kv.key)}
