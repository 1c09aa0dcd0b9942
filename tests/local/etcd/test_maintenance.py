"""What one member says of itself, and what an operator does to it."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from etcdpilot.etcd.client import Client
from etcdpilot.etcd.errors import OutOfSpace, Rejected, Unsupported
from etcdpilot.model.answers import Alarm, AlarmType
from tests.local.etcd.helping import eventually, leader_of
from tests.local.raw_etcd import RawCluster


async def test_status_is_that_of_the_member_asked(cluster: RawCluster, client: Client) -> None:
    statuses = [await client.at(url).maintenance.status() for url in cluster.endpoints]
    listed = await client.cluster.list()

    by_url = {member.client_urls[0]: member.id for member in listed.members}
    assert [status.member_id for status in statuses] == [by_url[url] for url in cluster.endpoints]
    assert len({status.cluster_id for status in statuses}) == 1
    assert len({status.leader for status in statuses}) == 1
    assert [status.is_leader for status in statuses].count(True) == 1
    for status in statuses:
        assert status.version == cluster.members["a"].binaries.version
        assert 0 < status.db_size_in_use <= status.db_size
        assert 0 < status.raft_applied_index <= status.raft_index
        assert status.revision > 0 and not status.errors and not status.is_learner


async def test_a_storage_version_and_a_quota_are_told_from_3_6_on_alone(cluster: RawCluster, client: Client) -> None:
    member = client.at(cluster.endpoints[0]).maintenance
    if cluster.members["a"].binaries.line < (3, 6):
        status = await member.status()
        assert (status.storage_version, status.db_size_quota, status.downgrade_target) == (None, None, None)
        return

    async def told() -> bool:  # none is told until the leader has settled the version of the cluster
        return (await member.status()).storage_version is not None

    await eventually(told)
    assert (await member.status()).db_size_quota is not None


async def test_hashes_of_keys_agree_at_one_revision(cluster: RawCluster, client: Client) -> None:
    revision = (await client.kv.put("h", "1")).header.revision
    await client.kv.put("h", "2")
    hashes = [await client.at(url).maintenance.hash_of_keys(revision) for url in cluster.endpoints]
    assert len({(one.hash, one.compact_revision) for one in hashes}) == 1
    assert {one.revision for one in hashes} == {revision}
    assert len({one.header.member_id for one in hashes}) == 3
    assert await client.at(cluster.endpoints[0]).maintenance.hash() > 0


async def test_defragmentation_gives_space_back(cluster: RawCluster, client: Client) -> None:
    for _ in range(40):
        await client.kv.put("filler", bytes(100_000))
    await client.kv.compact((await client.kv.delete("filler")).header.revision, physical=True)
    member = client.at(cluster.endpoints[0]).maintenance

    async def free() -> bool:
        await client.kv.put("tick", "")  # pages that were given up become free with the next commit
        status = await member.status()
        return status.db_size_in_use < status.db_size - 1_000_000

    await eventually(free)
    before = (await member.status()).db_size
    await member.defragment()
    assert (await member.status()).db_size < before - 1_000_000


async def test_an_alarm_is_raised_listed_and_disarmed(cluster: RawCluster, client: Client) -> None:
    member = (await client.cluster.list()).members[0].id
    assert await client.maintenance.alarms() == ()
    assert await client.maintenance.activate_alarm(Alarm(member, AlarmType.NOSPACE)) == (
        Alarm(member, AlarmType.NOSPACE),
    )
    try:
        assert await client.maintenance.alarms() == (Alarm(member, AlarmType.NOSPACE),)

        async def full() -> bool:
            try:
                await client.kv.put("x", "y")
            except OutOfSpace as error:
                return "disarm" in error.remedy
            return False

        await eventually(full)
    finally:
        assert await client.maintenance.disarm() == (Alarm(member, AlarmType.NOSPACE),)
    assert await client.maintenance.alarms() == ()
    await client.kv.put("x", "y")


async def test_leadership_moves_where_it_is_told(cluster: RawCluster, client: Client) -> None:
    leader = await leader_of(client, cluster)
    target = next(name for name in cluster.members if name != leader)
    target_id = (await client.at(cluster.members[target].client_url).maintenance.status()).member_id
    await client.at(cluster.members[leader].client_url).maintenance.move_leader(target_id)

    async def moved() -> bool:
        return await leader_of(client, cluster) == target

    await eventually(moved)
    with pytest.raises(Rejected, match="not leader"):
        await client.at(cluster.members[leader].client_url).maintenance.move_leader(target_id)


async def test_a_snapshot_arrives_whole_verified_and_in_small_pieces(
    cluster: RawCluster, client: Client, tmp_path: Path
) -> None:
    await client.kv.put("snap", "1")
    file = tmp_path / "snapshot.db"
    stream = client.at(cluster.endpoints[1]).maintenance.snapshot()
    largest = 0
    with file.open("wb") as out:
        async for chunk in stream:
            largest = max(largest, len(chunk))
            out.write(chunk)

    content = file.read_bytes()
    assert stream.size == len(content) and largest < 1_000_000
    assert hashlib.sha256(content[:-32]).digest() == content[-32:]
    assert stream.sha256 == content[-32:].hex()
    _assert_etcd_reads_it(cluster, file, tmp_path)


SNAPSHOT_AND_PEAK = """
import asyncio, resource, sys
from pathlib import Path
from etcdpilot.etcd.channels import Tls
from etcdpilot.etcd.client import Client

async def main():
    folder, endpoint = sys.argv[1:]
    read = lambda name: Path(folder, name).read_bytes()
    async with Client([endpoint], Tls(read("ca.pem"), read("client.pem"), read("client-key.pem"))) as client:
        await client.maintenance.status()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        stream = client.maintenance.snapshot()
        with open("/dev/null", "wb") as nowhere:
            async for chunk in stream:
                nowhere.write(chunk)
        print(stream.size, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count the peak memory in other units")
async def test_the_memory_of_a_snapshot_does_not_grow_with_the_database(cluster: RawCluster, client: Client) -> None:
    for number in range(140):
        await client.kv.put(f"snap/{number}", bytes([number]) * 1_000_000)
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", SNAPSHOT_AND_PEAK, str(cluster.folder), cluster.endpoints[0]],
        capture_output=True,
        check=True,
        timeout=100,
    )
    size, grown = (int(number) for number in done.stdout.split())
    assert size > 140_000_000
    assert grown < 50_000_000


def _assert_etcd_reads_it(cluster: RawCluster, file: Path, folder: Path) -> None:
    binaries = cluster.members["a"].binaries
    tool = str(binaries.etcdutl or binaries.etcdctl)
    subprocess.run(
        [tool, "snapshot", "restore", str(file), "--data-dir", str(folder / "restored")],
        check=True,
        capture_output=True,
        env={"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin"},
    )


async def test_a_downgrade_is_validated_where_etcd_knows_the_word(cluster: RawCluster, client: Client) -> None:
    line = cluster.members["a"].binaries.line
    if line < (3, 5):
        with pytest.raises(Unsupported):
            await client.maintenance.validate_downgrade("3.3")
        return
    with pytest.raises(Rejected, match="downgrade target version"):
        await client.maintenance.validate_downgrade("3.1")
    below = f"{line[0]}.{line[1] - 1}"
    assert (await client.maintenance.validate_downgrade(f"{below}.0")).startswith(f"{line[0]}.{line[1]}")
    if line >= (3, 6):
        await client.maintenance.enable_downgrade(f"{below}.0")
        try:

            async def announced() -> bool:
                status = await client.at(cluster.endpoints[0]).maintenance.status()
                return status.downgrade_target == f"{below}.0"

            await eventually(announced)
        finally:
            await client.maintenance.cancel_downgrade()
