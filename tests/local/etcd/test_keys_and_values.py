"""Keys and values against real members."""

from __future__ import annotations

import asyncio

import pytest

from etcdpilot.etcd.client import Client
from etcdpilot.etcd.errors import Compacted, Rejected
from etcdpilot.etcd.kv import SortBy
from etcdpilot.etcd.txn import Aspect, Delete, Get, If, Put, Txn
from etcdpilot.model.answers import DeleteResult, PutResult, RangeResult, TxnResult
from tests.local.raw_etcd import RawCluster


async def test_what_is_put_can_be_read_and_deleted(client: Client) -> None:
    first = await client.kv.put("a", "1")
    second = await client.kv.put("a", "2", previous=True)
    found = await client.kv.get("a")

    assert first.previous is None and second.previous is not None and second.previous.value == b"1"
    assert found is not None
    assert (found.value, found.version) == (b"2", 2)
    assert (found.create_revision, found.mod_revision) == (first.header.revision, second.header.revision)
    deleted = await client.kv.delete("a", previous=True)
    assert (deleted.deleted, [kv.value for kv in deleted.previous]) == (1, [b"2"])
    assert await client.kv.get("a") is None
    old = await client.kv.get("a", revision=first.header.revision)
    assert old is not None and old.value == b"1"


async def test_a_range_is_limited_sorted_counted_and_read_without_values(client: Client) -> None:
    for key, value in (("r/1", "c"), ("r/2", "a"), ("r/3", "b"), ("s", "x")):
        await client.kv.put(key, value)

    limited = await client.kv.range("r/", prefix=True, limit=2)
    assert ([kv.key for kv in limited.kvs], limited.more, limited.count) == ([b"r/1", b"r/2"], True, 3)
    by_value = await client.kv.range("r/", prefix=True, sort_by=SortBy.VALUE)
    assert [kv.key for kv in by_value.kvs] == [b"r/2", b"r/3", b"r/1"]
    newest = await client.kv.range("r/", prefix=True, sort_by=SortBy.MOD_REVISION, descending=True, limit=1)
    assert [kv.key for kv in newest.kvs] == [b"r/3"]
    assert (await client.kv.range("r/", prefix=True, count_only=True)).kvs == ()
    assert {kv.value for kv in (await client.kv.range("r/", prefix=True, keys_only=True)).kvs} == {b""}
    half_open = await client.kv.range("r/1", range_end="r/3")
    assert [kv.key for kv in half_open.kvs] == [b"r/1", b"r/2"]
    assert (await client.kv.range("", prefix=True, count_only=True, serializable=True)).count >= 4


async def test_a_transaction_takes_one_branch_at_one_revision(client: Client) -> None:
    absent = If("lock", Aspect.VERSION, "=", 0)
    won = await client.kv.txn([absent], then=[Put("lock", "me"), Put("owner", "me")], otherwise=[Get("owner")])
    lost = await client.kv.txn([absent], then=[Put("lock", "you")], otherwise=[Get("owner"), Delete("lock")])

    assert won.succeeded and all(isinstance(result, PutResult) for result in won.results)
    keys = (await client.kv.range("lock", range_end="p")).kvs
    assert {kv.mod_revision for kv in keys} == {won.header.revision} or len(keys) == 1
    assert not lost.succeeded
    found, deleted = lost.results
    assert isinstance(found, RangeResult) and found.kvs[0].value == b"me"
    assert isinstance(deleted, DeleteResult) and deleted.deleted == 1


async def test_a_transaction_compares_every_aspect_and_nests(client: Client) -> None:
    put = await client.kv.put("t", "5")
    revision = put.header.revision
    conditions = [
        If("t", Aspect.VALUE, "=", "5"),
        If("t", Aspect.VALUE, "!=", "6"),
        If("t", Aspect.CREATE_REVISION, "<", revision + 1),
        If("t", Aspect.MOD_REVISION, ">", revision - 1),
        If("t", Aspect.LEASE, "=", 0),
        If("t", Aspect.VERSION, "=", 1, prefix=True),
    ]
    answer = await client.kv.txn(conditions, then=[Txn(when=(conditions[0],), then=(Put("u", "6"),))])
    assert answer.succeeded
    (nested,) = answer.results
    assert isinstance(nested, TxnResult) and nested.succeeded
    assert not (await client.kv.txn([If("t", Aspect.VALUE, "=", "6")])).succeeded


async def test_an_answer_may_be_larger_than_grpc_allows_by_default(client: Client) -> None:
    value = b"x" * 1_000_000
    for number in range(9):
        await client.kv.put(f"big/{number}", value)
    answer = await client.kv.range("big/", prefix=True)
    assert sum(len(kv.value) for kv in answer.kvs) == 9_000_000


async def test_a_scan_is_one_state_of_the_store_however_long_it_takes(client: Client) -> None:
    for start in range(0, 1500, 100):
        await client.kv.txn(then=[Put(f"scan/{number:05}", "old") for number in range(start, start + 100)])
    seen = []
    async for kv in client.kv.scan("scan/"):
        if len(seen) == 10:
            await client.kv.put("scan/01000", "new")
            await client.kv.put("scan/01000a", "new")
            await client.kv.delete("scan/00900")
        seen.append(kv)
    assert [kv.key for kv in seen] == [f"scan/{number:05}".encode() for number in range(1500)]
    assert {kv.value for kv in seen} == {b"old"}


async def test_a_scan_of_large_values_holds_only_a_few_megabytes(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = b"y" * 500_000
    for number in range(150):
        await client.kv.put(f"wide/{number:03}", value)
    pages: list[int] = []
    whole = client.kv._range

    async def measured(*arguments: object) -> RangeResult:
        page = await whole(*arguments)  # type: ignore[arg-type]
        pages.append(sum(len(kv.value) for kv in page.kvs))
        return page

    monkeypatch.setattr(client.kv, "_range", measured)
    assert len([kv async for kv in client.kv.scan("wide/")]) == 150
    assert max(pages[1:]) <= 4 * 1024 * 1024


async def test_a_compacted_revision_is_an_error_of_its_own(client: Client) -> None:
    old = (await client.kv.put("c", "1")).header.revision
    new = (await client.kv.put("c", "2")).header.revision
    await client.kv.compact(new, physical=True)
    with pytest.raises(Compacted) as caught:
        await client.kv.get("c", revision=old)
    assert "compacted" in caught.value.text and caught.value.code == "OUT_OF_RANGE"
    with pytest.raises(Compacted):
        await client.kv.compact(old)


async def test_etcd_refuses_in_its_own_words(client: Client) -> None:
    with pytest.raises(Rejected, match="key is not provided") as caught:
        await client.kv.put("", "x")
    assert (caught.value.code, caught.value.exit_code) == ("INVALID_ARGUMENT", 6)
    with pytest.raises(Rejected, match="future revision"):
        await client.kv.get("a", revision=10**9)
    with pytest.raises(Rejected, match=r"too large|larger than max"):
        await client.kv.put("a", b"x" * 20_000_000)


async def test_many_calls_at_once_share_the_client(client: Client) -> None:
    await asyncio.gather(*(client.kv.put(f"many/{number}", str(number)) for number in range(300)))
    found = await asyncio.gather(*(client.kv.get(f"many/{number}") for number in range(300)))
    assert [kv.value for kv in found if kv] == [str(number).encode() for number in range(300)]


async def test_each_member_answers_a_linearizable_read_itself(cluster: RawCluster, client: Client) -> None:
    put = await client.kv.put("here", "yes")
    answers = await asyncio.gather(*(client.at(url).kv.range("here") for url in cluster.endpoints))
    assert len({answer.header.member_id for answer in answers}) == 3
    assert all(answer.kvs[0].mod_revision == put.header.revision for answer in answers)
