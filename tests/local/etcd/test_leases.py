"""Leases, kept alive and lost."""

from __future__ import annotations

import asyncio

import pytest

from etcdpilot.etcd.client import Client
from etcdpilot.etcd.errors import NotFound
from tests.local.etcd.helping import back, eventually, tls_of
from tests.local.raw_etcd import RawCluster


async def test_a_lease_is_granted_listed_and_revoked_with_its_keys(client: Client) -> None:
    lease = await client.leases.grant(60)
    await client.kv.put("leased", "1", lease=lease.id)

    assert lease.id in await client.leases.list()
    left = await client.leases.time_to_live(lease.id, keys=True)
    assert (left.granted_ttl, left.keys) == (60, (b"leased",)) and 0 < left.ttl <= 60
    await client.leases.revoke(lease.id)
    assert await client.kv.get("leased") is None
    assert (await client.leases.time_to_live(lease.id)).ttl == -1
    with pytest.raises(NotFound, match="lease not found"):
        await client.leases.revoke(lease.id)


async def test_a_kept_lease_outlives_its_time_and_ends_with_its_block(client: Client) -> None:
    async with client.leases.keep(2) as lease:
        await client.kv.put("kept", "1", lease=lease.id)
        started = asyncio.get_running_loop().time()

        async def older_than_two_lives() -> bool:
            assert not lease.lost.is_set() and await client.kv.get("kept") is not None
            return asyncio.get_running_loop().time() - started > 2.5 * lease.ttl

        await eventually(older_than_two_lives)
    assert await client.kv.get("kept") is None


async def test_a_kept_lease_survives_the_loss_of_each_member(cluster: RawCluster, client: Client) -> None:
    async with Client(cluster.endpoints, tls_of(cluster)) as holder, holder.leases.keep(5) as lease:
        await holder.kv.put("held", "1", lease=lease.id)
        for name, member in cluster.members.items():
            member.kill()
            await eventually(lambda: _answers(client))
            await back(cluster, client, name)
            assert not lease.lost.is_set() and await client.kv.get("held") is not None


async def test_a_lease_that_somebody_revoked_is_reported_as_lost(client: Client) -> None:
    async with client.leases.keep(3) as lease:
        await client.leases.revoke(lease.id)
        await asyncio.wait_for(lease.lost.wait(), 10)


async def test_a_holder_that_reaches_nobody_knows_of_its_loss_before_etcd_ends_the_lease(
    cluster: RawCluster, client: Client
) -> None:
    """All members stand still for longer than the lease; when they go on, etcd lets it expire."""
    async with Client(cluster.endpoints, tls_of(cluster), timeout=2) as holder, holder.leases.keep(2) as lease:
        await holder.kv.put("cut off", "1", lease=lease.id)
        for member in cluster.members.values():
            member.pause()
        try:
            await asyncio.wait_for(lease.lost.wait(), 10)
        finally:
            for member in cluster.members.values():
                member.go_on()
        assert lease.lost.is_set()
    await eventually(lambda: _answers(client))


async def _answers(client: Client) -> bool:
    await client.kv.put("tick", "1", timeout=2)
    return True
