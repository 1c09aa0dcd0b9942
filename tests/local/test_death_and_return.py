"""A watcher and a writer while each member dies and comes back: no event lost or doubled, no acknowledged write lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from etcdpilot.etcd.client import Client
from etcdpilot.model.answers import WatchEvent
from etcdpilot.model.errors import EtcdpilotError
from etcdpilot.testing.local_cluster import LocalCluster
from tests.etcd_versions import Etcd, usual_lines

pytestmark = pytest.mark.local

PREFIX = "counted/"


@pytest.fixture(scope="module", params=usual_lines(), ids=str)
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    etcd: Etcd = request.param
    with LocalCluster(etcd=str(etcd.directory), directory=tmp_path_factory.mktemp("death")) as made:
        yield made


class Writer:
    """Writes one key after another, each once; `acknowledged` are those that etcd said yes to."""

    def __init__(self, client: Client) -> None:
        self.client, self.acknowledged, self.tried = client, [], 0

    async def run(self) -> None:
        for number in count():
            self.tried = number + 1
            with suppress(EtcdpilotError):
                await self.client.kv.put(f"{PREFIX}{number:06d}", str(number), timeout=5)
                self.acknowledged.append(number)

    async def another(self, more: int) -> None:
        """Until so many further writes were acknowledged."""
        target = len(self.acknowledged) + more
        async with asyncio.timeout(60):
            while len(self.acknowledged) < target:
                await asyncio.sleep(0.01)


async def watch(client: Client, seen: list[tuple[str, int]], stands: asyncio.Event) -> None:
    async with client.watch(PREFIX, prefix=True) as events:
        stands.set()
        async for item in events:
            if isinstance(item, WatchEvent):
                seen.append((item.kv.key.decode(), item.revision))


async def through(cluster: LocalCluster, harm: str) -> tuple[Writer, list[tuple[str, int]], Client]:
    client = cluster.client()
    writer, seen = Writer(client), []
    stands = asyncio.Event()
    watching = asyncio.create_task(watch(client, seen, stands))
    await asyncio.wait_for(stands.wait(), 30)
    writing = asyncio.create_task(writer.run())
    try:
        await writer.another(20)
        for member in cluster.members:
            await asyncio.to_thread(getattr(cluster, harm), member.name)
            await writer.another(20)
            await asyncio.to_thread(cluster.restart if harm == "kill" else cluster.resume, member.name)
            await writer.another(20)
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    last = f"{PREFIX}{writer.acknowledged[-1]:06d}"
    async with asyncio.timeout(30):
        while last not in [key for key, _ in seen]:
            await asyncio.sleep(0.01)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    return writer, seen, client


@pytest.mark.parametrize("harm", ["kill", "pause"])
async def test_no_event_is_lost_or_doubled_and_no_acknowledged_write_is_lost(cluster: LocalCluster, harm: str):
    before = cluster.client()
    await before.kv.delete(PREFIX, prefix=True)
    await before.close()
    writer, seen, client = await through(cluster, harm)
    try:
        keys = [key for key, _ in seen if key.startswith(PREFIX)]
        stored = {pair.key.decode() async for pair in client.kv.scan(PREFIX)}
        acknowledged = {f"{PREFIX}{number:06d}" for number in writer.acknowledged}
        assert acknowledged <= stored, "an acknowledged write is gone"
        assert len(keys) == len(set(keys)), "an event came twice"
        assert acknowledged <= set(keys), "an event of an acknowledged write never came"
        revisions = [revision for _, revision in seen]
        assert revisions == sorted(revisions), "events came out of order"
        assert len(writer.acknowledged) > 100
    finally:
        await client.close()


def test_the_data_directory_of_a_test_is_gone_with_the_cluster():
    with LocalCluster(members=1, tls=False) as made:
        directory = Path(made.directory)
        assert directory.exists()
    assert not directory.exists()
