"""What tests of restores share: a cluster with a bit of everything in it, and looks at what became of it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from etcdpilot import pilot
from etcdpilot.etcd.client import Client
from etcdpilot.etcd.txn import Put
from etcdpilot.hosts.data import look_at_data
from etcdpilot.model.answers import Access
from etcdpilot.observing.comparing import Comparison, compared
from etcdpilot.testing.local_cluster import own_loop
from tests.local.changing import Cluster
from tests.local.snapshot_lab import fill_in_bulk

LONG = os.environ.get("ETCDPILOT_LONG") == "1"
in_the_long_form = pytest.mark.skipif(not LONG, reason="ETCDPILOT_LONG=1 has the long form of restores and recoveries")
KEYS, SIZE = (100_000, 5_000) if LONG else (300, 200)


async def fill(client: Client, keys: int = KEYS, size: int = SIZE) -> None:
    """Keys old and new, deleted ones, leases, users and roles; etcd's own auth is on at the end."""
    await fill_in_bulk(client, keys, size)
    await client.kv.delete("/bulk/00000007")
    await client.kv.txn(then=[Put(f"/t/{number}", "x") for number in range(20)])
    for number in range(3):
        lease = await client.leases.grant(3600 + number)
        await client.kv.put(f"/leased/{number}", "1", lease=lease.id)
    await client.auth.add_role("reader")
    await client.auth.permit("reader", Access.READ, "/bulk/", prefix=True)
    for user, role in (("root", "root"), ("bob", "reader")):
        await client.auth.add_user(user, "secret")
        if role not in await client.auth.roles():
            await client.auth.add_role(role)
        await client.auth.grant_role(user, role)
    await client.auth.enable()


class Restoring(Cluster):
    """A local cluster whose data are brought back."""

    def patiently(self, *words: str) -> str:
        """A command that may take minutes, as with half a gigabyte on a busy machine; what it said."""
        process = self.begin(*words)
        out, err = process.communicate(timeout=1200)
        assert process.returncode == 0, out + err
        return out

    def never_without_quorum(self) -> None:
        """A restore stands still on purpose; what must always hold is that the old data are there."""
        self.old_data_is_there()

    def client_do(self, work: Any) -> Any:
        """`work(client)` with the operator's certificate, over all members of the file."""

        async def with_client() -> Any:
            wanted, _ = pilot.read_file(self.file)
            async with pilot.opened(wanted, self.state) as site:
                return await work(site.door.client())

        return asyncio.run_coroutine_threadsafe(with_client(), own_loop()).result(1200 if LONG else 120)

    def compared_with(self, snapshot: Path) -> Comparison:
        return self.client_do(lambda client: compared(snapshot, client))

    def remember_data(self) -> None:
        self.before = {name: own for name, own in self.identities().items() if not name.count(".aside-")}

    def identities(self) -> dict[str, tuple[str, str]]:
        """Of every data directory that there is: whose it is, by its own log."""
        found = {}
        for folder in sorted(self.state.glob("members/*/data*")):
            if not folder.name.endswith(".restoring"):
                seen = look_at_data(folder)
                found[str(folder.relative_to(self.state))] = (seen.member_id, seen.cluster_id)
        return found

    def old_data_is_there(self) -> None:
        now = self.identities().values()
        missing = [name for name, own in self.before.items() if own not in now]
        assert not missing, (missing, self.identities())

    def pids(self) -> dict[str, int]:
        return self.members()
