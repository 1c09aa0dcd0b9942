"""A watcher and a writer through the death and return of members: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from etcdpilot.etcd.client import Client
from etcdpilot.etcd.errors import EtcdError, Unavailable, UnknownOutcome
from etcdpilot.etcd.txn import Put
from etcdpilot.etcd.watch import Watcher
from etcdpilot.model.answers import WatchEvent
from tests.local.etcd.helping import back, eventually, leader_of, tls_of
from tests.local.raw_etcd import RawCluster, free_ports

EVENTS = 4000


class Writer:
    """Writes one new key after another; a write whose outcome is unknown is not written again."""

    def __init__(self, client: Client, prefix: str) -> None:
        self.client, self.prefix = client, prefix
        self.acknowledged: set[bytes] = set()
        self.unknown: set[bytes] = set()
        self.refused: set[bytes] = set()
        self.stop = False

    async def run(self) -> None:
        number = 0
        while not self.stop:
            key = f"{self.prefix}{number:06}".encode()
            try:
                await self.client.kv.put(key, str(number), timeout=3)
                self.acknowledged.add(key)
            except UnknownOutcome:
                self.unknown.add(key)
            except Unavailable:
                self.refused.add(key)
            number += 1

    async def has_written(self, more: int) -> None:
        wanted = len(self.acknowledged) + more

        async def enough() -> bool:
            return len(self.acknowledged) >= wanted

        await eventually(enough, 60)


async def collect(events: Watcher, into: list[WatchEvent]) -> None:
    async for event in events:
        assert isinstance(event, WatchEvent)
        into.append(event)


@pytest.mark.timeout(240)
async def test_no_event_is_lost_or_doubled_while_each_member_dies_and_returns(
    cluster: RawCluster, client: Client
) -> None:
    seen: list[WatchEvent] = []
    writer = Writer(client, "live/")
    async with (
        Client(cluster.endpoints, tls_of(cluster), timeout=10) as other,
        other.watch("live/", prefix=True) as events,
    ):
        reading, writing = asyncio.create_task(collect(events, seen)), asyncio.create_task(writer.run())
        for name in cluster.members:
            await writer.has_written(100)
            cluster.members[name].kill()
            await writer.has_written(100)
            await back(cluster, client, name)
        writer.stop = True
        await writing
        stored = {kv.key: kv async for kv in client.kv.scan("live/")}

        async def all_seen() -> bool:
            return len(seen) >= len(stored) or reading.done()

        await eventually(all_seen)
        await asyncio.sleep(0.2)  # room for an event too many to show itself
        reading.cancel()

    assert writer.acknowledged <= stored.keys()
    assert stored.keys() <= writer.acknowledged | writer.unknown, "a write that was reported as not done was done"
    assert {kv.version for kv in stored.values()} == {1}, "a write was repeated"
    assert Counter(event.kv.key for event in seen) == Counter(stored.keys())
    assert [event.revision for event in seen] == sorted(kv.mod_revision for kv in stored.values())


@pytest.mark.timeout(240)
async def test_a_watch_that_is_catching_up_loses_nothing_when_its_member_dies(
    cluster: RawCluster, client: Client
) -> None:
    first = 0
    for start in range(0, EVENTS, 100):
        for_this = [Put(f"old/{number:06}", b"v" * 2000) for number in range(start, start + 100)]
        answer = await client.kv.txn(then=for_this)
        first = first or answer.header.revision
    for name, member in cluster.members.items():
        async with Client(cluster.endpoints, tls_of(cluster), timeout=10) as other:
            while other._calls.current.endpoint.port != member.client_port:
                other._calls.move_on_from(other._calls.current)
            got: list[WatchEvent] = []
            async with other.watch("old/", prefix=True, start_revision=first) as events, asyncio.timeout(60):
                async for event in events:
                    assert isinstance(event, WatchEvent)
                    got.append(event)
                    if len(got) == 5:
                        member.kill()
                    if len(got) == EVENTS:
                        break
            assert [event.kv.key for event in got] == [f"old/{number:06}".encode() for number in range(EVENTS)]
        await back(cluster, client, name)


@pytest.mark.timeout(240)
async def test_a_fragmented_revision_that_is_cut_in_the_middle_comes_exactly_once(
    cluster: RawCluster, client: Client
) -> None:
    """With the previous values each revision weighs 2.5 MB, which etcd cuts in two; the member dies somewhere inside."""
    revisions = []
    for _ in range(2):
        for start in range(0, 500, 50):
            puts = [Put(f"cut/{number:04}", b"c" * 25_000) for number in range(start, start + 50)]
            revisions.append((await client.kv.txn(then=puts)).header.revision)
    first = revisions[10]
    for name, member in cluster.members.items():
        got: list[bytes] = []
        async with (
            Client([member.client_url, *cluster.endpoints], tls_of(cluster), timeout=10) as other,
            other.watch("cut/", prefix=True, start_revision=first, previous=True) as events,
            asyncio.timeout(60),
        ):
            async for event in events:
                assert isinstance(event, WatchEvent)
                got.append(event.kv.key)
                if len(got) == 3:
                    member.kill()
                if len(got) == 500:
                    break
        assert got == [f"cut/{number:04}".encode() for number in range(500)]
        await back(cluster, client, name)


async def test_calls_move_on_from_a_member_that_is_gone(cluster: RawCluster, client: Client) -> None:
    for name, member in cluster.members.items():
        async with Client([member.client_url, *cluster.endpoints], tls_of(cluster), timeout=10) as other:
            await other.kv.put("gone", name)
            member.kill()
            done = 0
            while done < 20:
                try:
                    await other.kv.put("gone", str(done))
                    assert await other.kv.get("gone") is not None
                    done += 1
                except UnknownOutcome:
                    continue
            pinned = other.at(member.client_url)
            with pytest.raises(Unavailable, match="Connection refused"):
                await pinned.maintenance.status()
            with pytest.raises(Unavailable, match="Connection refused"):
                async with pinned.watch("gone"):
                    pass
            with pytest.raises(Unavailable, match="Connection refused"):
                async for _ in pinned.maintenance.snapshot():
                    pass
            async with Client([member.client_url, *cluster.endpoints], tls_of(cluster)) as fresh:
                assert [chunk async for chunk in fresh.maintenance.snapshot()]
        await back(cluster, client, name)


async def test_a_member_that_stands_still_is_passed_over(cluster: RawCluster, client: Client) -> None:
    """SIGSTOP: the connection stays open and nothing answers. A read goes elsewhere within its own time."""
    leader = await leader_of(client, cluster)
    asleep = next(member for name, member in cluster.members.items() if name != leader)
    others = [url for url in cluster.endpoints if url != asleep.client_url]
    async with Client([asleep.client_url, *others], tls_of(cluster), timeout=6) as standing:
        await standing.kv.put("still", "1")
        asleep.pause()
        try:
            found = await standing.kv.get("still")
            assert found is not None and found.value == b"1"
            await standing.kv.put("still", "2")
            with pytest.raises(Unavailable):
                await standing.at(asleep.client_url).maintenance.status(timeout=0.3)
        finally:
            asleep.go_on()
    async with Client([asleep.client_url, *others], tls_of(cluster), timeout=8) as fresh:
        asleep.pause()
        try:
            # The handshake cannot finish, so nothing was sent, and the write may go to the next member.
            await fresh.kv.put("still", "3")
        finally:
            asleep.go_on()


async def test_only_the_write_in_flight_suffers_from_a_member_that_stands_still(
    cluster: RawCluster, client: Client
) -> None:
    leader = await leader_of(client, cluster)
    asleep = next(member for name, member in cluster.members.items() if name != leader)
    async with Client([asleep.client_url, *cluster.endpoints], tls_of(cluster)) as writer:
        await writer.kv.put("flight", "0")
        asleep.pause()
        try:
            with pytest.raises(UnknownOutcome):
                await writer.kv.put("flight", "1", timeout=0.3)
            for number in range(5):
                await writer.kv.put("flight", str(number), timeout=2)
        finally:
            asleep.go_on()


async def test_a_write_whose_answer_was_cut_off_is_not_done_again(cluster: RawCluster, client: Client) -> None:
    """The request reaches etcd, the connection breaks before the answer: done once, and reported as unknown."""
    async with AnswersCutOff(cluster.members["a"].client_port) as proxy:
        others = [url for url in cluster.endpoints if url != cluster.members["a"].client_url]
        async with Client([proxy.url, *others], tls_of(cluster)) as writer:
            unknown = 0
            for number in range(1, 9):
                while str(writer._calls.current.endpoint) != proxy.url:
                    writer._calls.move_on_from(writer._calls.current)
                await writer.kv.get("cut off")
                proxy.cut()
                try:
                    await writer.kv.put("cut off", str(number))
                except UnknownOutcome:
                    unknown += 1  # (not where a stray word of etcd broke the line before the write was sent)
                await eventually(lambda number=number: _has_version(client, "cut off", number))
                # A read under the same knife is simply asked of the next member.
                assert await writer.kv.get("cut off") is not None
                proxy.mend()
                await eventually(lambda: _reaches(writer, proxy.url))
    assert unknown >= 3
    found = await client.kv.get("cut off")
    assert found is not None and (found.version, found.value) == (8, b"8")


async def _has_version(client: Client, key: str, version: int) -> bool:
    found = await client.kv.get(key)
    assert found is None or found.version <= version
    return found is not None and found.version == version


async def _reaches(client: Client, url: str) -> bool:
    return bool((await client.at(url).maintenance.status(timeout=1)).version)


class AnswersCutOff:
    """A TCP relay. While cut, what the client sends still arrives, and at the server's first word the line breaks."""

    def __init__(self, port: int) -> None:
        self._port, self._cut = port, False
        self._relays: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> AnswersCutOff:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", free_ports(1)[0])
        self.url = f"https://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for relay in tuple(self._relays):
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    def cut(self) -> None:
        self._cut = True

    def mend(self) -> None:
        self._cut = False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            await asyncio.gather(self._forward(reader, there_writer), self._back(there_reader, writer))
        except ConnectionError:
            pass
        finally:
            there_writer.close()
            writer.close()
            self._relays.discard(task)

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()

    async def _back(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            if self._cut:
                await self._until_answered()
                raise ConnectionResetError("cut")
            sink.write(data)
            await sink.drain()

    async def _until_answered(self) -> None:
        """etcd's first word after a request is a window update; give the request itself time to have arrived."""
        await asyncio.sleep(0.05)


async def test_a_write_that_may_have_been_done_is_not_done_again(cluster: RawCluster, client: Client) -> None:
    """The leader stands still with the write on its way to it: nobody can know, and nobody repeats it."""
    unknown = 0
    await client.kv.put("once", "0")
    for _ in range(10):
        before = await client.kv.get("once")
        assert before is not None
        leader = await leader_of(client, cluster)
        follower = next(member for name, member in cluster.members.items() if name != leader)
        async with Client([follower.client_url, *cluster.endpoints], tls_of(cluster)) as writer:
            await writer.kv.get("once")
            cluster.members[leader].pause()
            try:
                await writer.kv.put("once", "again", timeout=0.15)
                done: tuple[int, ...] = (1,)  # another led by then
            except UnknownOutcome as error:
                assert "Look at the cluster" in error.remedy
                unknown, done = unknown + 1, (0, 1)
            except Unavailable:
                done = (0,)  # nobody led
            finally:
                cluster.members[leader].go_on()
        await eventually(lambda: _answers(client))
        after = await client.kv.get("once")
        assert after is not None and after.version - before.version in done
        if unknown == 3:
            return
    pytest.fail(f"of ten writes only {unknown} were on their way when their leader stood still")


async def test_without_quorum_calls_fail_in_time_and_local_reads_answer(cluster: RawCluster, client: Client) -> None:
    await eventually(lambda: _answers(client))
    cluster.members["b"].kill()
    cluster.members["c"].kill()
    try:
        only = client.at(cluster.members["a"].client_url)

        async def leaderless() -> bool:
            return (await only.maintenance.status(timeout=2)).leader == 0

        await eventually(leaderless)
        with pytest.raises(Unavailable, match="no leader"):
            await only.kv.put("a", "1", timeout=2)
        with pytest.raises(EtcdError):
            await only.kv.get("ready", timeout=2)
        assert await only.kv.get("ready", serializable=True, timeout=2) is not None
        assert len((await only.cluster.list(linearizable=False, timeout=2)).members) == 3
        with pytest.raises(Unavailable):
            await client.kv.put("a", "1", timeout=2)
    finally:
        for name in "bc":
            cluster.members[name].start(cluster.initial_cluster)
        await cluster.up("b", "c")
    await eventually(lambda: _answers(client))


async def _answers(client: Client) -> bool:
    await client.kv.put("ready", "yes")
    return True
