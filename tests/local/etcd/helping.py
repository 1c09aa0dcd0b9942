"""What the tests of the etcd room do again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from etcdpilot.etcd.channels import Tls
from etcdpilot.etcd.client import Client
from etcdpilot.etcd.errors import EtcdError
from tests.local.raw_etcd import RawCluster


def tls_of(cluster: RawCluster, name: str = "client") -> Tls:
    assert cluster.pki is not None
    folder = cluster.pki.folder
    return Tls(
        ca=(folder / "ca.pem").read_bytes(),
        cert=(folder / f"{name}.pem").read_bytes(),
        key=(folder / f"{name}-key.pem").read_bytes(),
    )


async def eventually(check: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    """Wait for a condition; what etcd refuses meanwhile counts as "not yet"."""
    deadline = asyncio.get_running_loop().time() + seconds
    last: object = "never true"
    while asyncio.get_running_loop().time() < deadline:
        try:
            if await check():
                return
        except EtcdError as error:
            last = error
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {last}")


async def leader_of(client: Client, cluster: RawCluster) -> str:
    """The name of the member that leads: one that stood still may believe for a moment that it still does."""
    leaders: dict[int, str] = {}
    for name, member in cluster.members.items():
        with suppress(EtcdError):
            status = await client.at(member.client_url).maintenance.status(timeout=1)
            if status.is_leader:
                leaders[status.raft_term] = name
    assert leaders, "no member leads"
    return leaders[max(leaders)]


async def back(cluster: RawCluster, client: Client, name: str) -> None:
    """Start a killed member again, and wait until it answers a linearizable read itself."""
    member = cluster.members[name]
    member.start(cluster.initial_cluster)
    await member.up()

    async def answers() -> bool:
        await client.at(member.client_url).kv.get("ready", timeout=1)
        return True

    await eventually(answers)
