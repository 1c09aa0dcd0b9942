"""What a watch delivers while its member lives."""

from __future__ import annotations

import asyncio

import pytest

from etcdpilot.etcd.client import Client
from etcdpilot.etcd.errors import Compacted, Unavailable
from etcdpilot.etcd.txn import Delete, Put
from etcdpilot.etcd.watch import Watcher
from etcdpilot.model.answers import EventType, WatchEvent, WatchProgress
from tests.local.raw_etcd import RawCluster


async def take(events: Watcher, count: int, seconds: float = 20.0) -> list[WatchEvent]:
    """The next events, without the progress between them."""
    taken: list[WatchEvent] = []
    async with asyncio.timeout(seconds):
        while len(taken) < count:
            item = await anext(events)
            if isinstance(item, WatchEvent):
                taken.append(item)
    return taken


async def test_a_watch_delivers_what_happens_once_it_stands(client: Client) -> None:
    await client.kv.put("w/before", "0")
    async with client.watch("w/", prefix=True, previous=True) as events:
        await client.kv.put("w/a", "1")
        await client.kv.put("elsewhere", "-")
        await client.kv.put("w/a", "2")
        await client.kv.delete("w/", prefix=True)
        got = await take(events, 4)
    assert [(event.type, event.kv.key, event.kv.value) for event in got] == [
        (EventType.PUT, b"w/a", b"1"),
        (EventType.PUT, b"w/a", b"2"),
        (EventType.DELETE, b"w/a", b""),
        (EventType.DELETE, b"w/before", b""),
    ]
    assert [event.previous.value if event.previous else None for event in got] == [None, b"1", b"2", b"0"]
    assert got[2].revision == got[3].revision > got[1].revision
    assert events.next_revision == got[3].revision + 1


async def test_a_watch_begins_in_the_past_and_filters(client: Client) -> None:
    first = (await client.kv.put("f", "1")).header.revision
    await client.kv.delete("f")
    await client.kv.put("f", "2")
    async with client.watch("f", start_revision=first, deletes=False) as puts:
        assert [event.kv.value for event in await take(puts, 2)] == [b"1", b"2"]
    async with client.watch("f", start_revision=first, puts=False) as deletes:
        assert [event.type for event in await take(deletes, 1)] == [EventType.DELETE]


async def test_a_watch_from_a_compacted_revision_says_which_is_the_oldest(client: Client) -> None:
    old = (await client.kv.put("c", "1")).header.revision
    new = (await client.kv.put("c", "2")).header.revision
    await client.kv.compact(new, physical=True)
    with pytest.raises(Compacted) as caught:
        async with client.watch("c", start_revision=old) as events:
            await take(events, 1)
    assert caught.value.revision == new
    with pytest.raises(Compacted):  # and not for ever after
        await anext(events)


async def test_a_revision_of_many_megabytes_arrives_in_fragments_and_whole(client: Client) -> None:
    value = b"v" * 60_000
    async with client.watch("frag/", prefix=True, previous=True) as events:
        for round_number in range(2):  # the second time with as much again as previous values
            puts = [Put(f"frag/{number:02}", value + bytes([round_number])) for number in range(20)]
            revision = (await client.kv.txn(then=puts)).header.revision
            got = await take(events, 20)
            assert [event.kv.key for event in got] == [f"frag/{number:02}".encode() for number in range(20)]
            assert {event.revision for event in got} == {revision}
        deleted = (await client.kv.txn(then=[Delete("frag/", prefix=True)])).header.revision
        assert {event.revision for event in await take(events, 20)} == {deleted}


async def test_progress_is_announced_when_asked_for(client: Client) -> None:
    async with client.watch("p", progress=True) as events:
        revision = (await client.kv.put("other", "1")).header.revision
        progress: object = None
        async with asyncio.timeout(20):
            while not (isinstance(progress, WatchProgress) and progress.revision >= revision):
                await events.request_progress()
                progress = await anext(events)
        assert (await client.kv.put("p", "1")).header.revision == (await take(events, 1))[0].revision


async def test_a_reader_that_gives_up_waiting_may_come_back(client: Client) -> None:
    async with client.watch("later") as events:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await anext(events)
        await client.kv.put("later", "1")
        assert [event.kv.value for event in await take(events, 1)] == [b"1"]


async def test_a_slow_reader_gets_everything(client: Client) -> None:
    async with client.watch("slow/", prefix=True) as events:
        await asyncio.gather(*(client.kv.put(f"slow/{number}", "x") for number in range(2000)))
        got = await take(events, 2000)
    assert len({event.kv.key for event in got}) == 2000
    assert [event.revision for event in got] == sorted(event.revision for event in got)


async def test_a_closed_watch_ends_the_loop_that_reads_it(client: Client) -> None:
    events = client.watch("x")

    async def read() -> int:
        return len([event async for event in events])

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    await client.kv.put("y", "1")
    await events.aclose()
    assert await asyncio.wait_for(reading, 5) == 0
    with pytest.raises(StopAsyncIteration):
        await anext(events)


async def test_a_watch_that_finds_no_member_says_so(cluster: RawCluster) -> None:
    async with Client(["http://127.0.0.1:1"], timeout=0.5) as nobody:
        with pytest.raises(Unavailable, match="Connection refused"):
            async with nobody.watch("a"):
                pass
