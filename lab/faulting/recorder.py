"""The writer and the watcher of `etcdpilot.testing.load`; and beside them, several times a second, what the members
themselves say: who votes, and who leads.

    python -m lab.faulting.recorder --told FILE --endpoints https://a:2379,… --keys DIR --rate 25 --into FILE

`told` gets one JSON line a look: `at` (monotonic clock), `voters` (addresses of their peer URLs), `leader` (one of them,
or empty), `answers` (how many members answered).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from etcdpilot.etcd.channels import Tls
from etcdpilot.etcd.client import Client
from etcdpilot.model.answers import MemberList, MemberStatus
from etcdpilot.model.errors import EtcdpilotError
from etcdpilot.testing import load

EVERY, PATIENCE = 0.5, 0.5
Told = tuple[MemberStatus, MemberList]


async def look(client: Client, endpoint: str) -> Told | None:
    """What a member knows itself, whether there is a quorum or not."""
    one = client.at(endpoint)
    with suppress(EtcdpilotError, TimeoutError):
        async with asyncio.timeout(PATIENCE):
            return (
                await one.maintenance.status(timeout=PATIENCE),
                await one.cluster.list(linearizable=False, timeout=PATIENCE),
            )
    return None


def line(told: list[Told]) -> dict[str, object]:
    """By the word of whoever has applied most."""
    status, listed = max(told, key=lambda each: each[0].raft_applied_index)
    where = {member.id: urlsplit(member.peer_urls[0]).hostname or "" for member in listed.members}
    voters = sorted(where[member.id] for member in listed.members if not member.is_learner)
    leader = where.get(status.leader, "")
    return {"at": time.monotonic(), "voters": voters, "leader": leader, "answers": len(told)}


async def listen(endpoints: list[str], keys: Path, told: Path) -> None:
    """Until it is cancelled."""
    pem = {name: (keys / name).read_bytes() for name in ("ca.crt", "client.crt", "client.key")}
    async with Client(endpoints, Tls(pem["ca.crt"], pem["client.crt"], pem["client.key"])) as client:
        with told.open("a", buffering=1) as into:
            while True:
                said = [each for each in await asyncio.gather(*(look(client, one) for one in endpoints)) if each]
                if said:
                    into.write(json.dumps(line(said)) + "\n")
                await asyncio.sleep(EVERY)


async def main(told: Path, arguments: argparse.Namespace) -> None:
    listening = asyncio.create_task(listen(arguments.endpoints.split(","), Path(arguments.keys), told))
    await load.main(arguments)
    listening.cancel()


if __name__ == "__main__":
    sys.argv.pop(1)
    asyncio.run(main(Path(sys.argv.pop(1)), load.asked()))
