"""Real snapshots for the tests: one real member, filled with a bit of everything that etcd can hold."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from etcdpilot.etcd.client import Client
from etcdpilot.etcd.txn import Delete, Put
from tests.local.raw_etcd import Binaries, RawCluster


@dataclass
class Filled:
    """A running member and what it takes to look at it."""

    cluster: RawCluster
    client: Client
    binaries: Binaries
    folder: Path

    async def save(self, name: str) -> Path:
        """A snapshot as the member streams it."""
        path = self.folder / f"{name}.db"
        with path.open("wb") as file:
            async for chunk in self.member.maintenance.snapshot():
                file.write(chunk)
        return path

    @property
    def member(self) -> Client:
        return self.client.at(self.cluster.endpoints[0])

    def status(self, snapshot: Path) -> dict[str, object]:
        """What etcd's own tool says of the file."""
        tool = self.binaries.etcdutl or self.binaries.etcdctl
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ETCD")}
        answer = subprocess.run(
            [str(tool), "snapshot", "status", str(snapshot), "-w", "json"],
            env=environment | {"ETCDCTL_API": "3"},
            capture_output=True,
            check=True,
            timeout=60,
        )
        return dict(json.loads(answer.stdout))


@asynccontextmanager
async def one_member(binaries: Binaries, folder: Path, *extra: str) -> AsyncIterator[Filled]:
    async with (
        RawCluster(binaries, folder / "member", members=1, tls=False, extra=extra) as cluster,
        Client(cluster.endpoints, timeout=30) as client,
    ):
        yield Filled(cluster, client, binaries, folder)


async def fill_with_everything(client: Client) -> int:
    """Keys put, put again, deleted and put once more, alone and in transactions; leases, users, roles. The revision."""
    for number in range(60):
        await client.kv.put(f"/a/{number:03}", b"v" * number)
    for number in range(0, 60, 7):
        await client.kv.delete(f"/a/{number:03}")
    await client.kv.put("/a/007", "again")
    await client.kv.txn(then=[*(Put(f"/t/{number}", "x") for number in range(50)), Delete("/a/001")])
    await client.kv.put("/long/" + "k" * 300, b"\x00\xff" * 3000)
    lease = await client.leases.grant(3600)
    await client.kv.put("/leased", "1", lease=lease.id)
    await client.auth.add_role("reader")
    await client.auth.add_user("bob", "secret")
    return (await client.kv.put("/last", "1")).header.revision


async def fill_in_bulk(client: Client, keys: int, size: int, *, prefix: str = "/bulk/", seed: int = 1) -> None:
    """`keys` keys of `size` random bytes, a hundred in each transaction."""
    chance = random.Random(seed)
    for start in range(0, keys, 100):
        numbers = range(start, min(start + 100, keys))
        await client.kv.txn(then=[Put(f"{prefix}{n:08}", chance.randbytes(size)) for n in numbers])
