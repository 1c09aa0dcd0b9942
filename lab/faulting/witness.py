"""What the members themselves say, several times a second, from the controller's place: who votes, and who leads.

    python -m lab.faulting.witness --endpoints https://a:2379,… --keys DIR --into FILE

One JSON line a look, until SIGTERM: `at` (monotonic clock), `voters` (addresses of their peer URLs), `leader` (one of
them, or empty), `answers` (how many members answered).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from etcdpilot.etcd.channels import Tls
from etcdpilot.etcd.client import Client
from etcdpilot.model.answers import MemberList, MemberStatus
from etcdpilot.model.errors import EtcdpilotError

EVERY, PATIENCE = 0.25, 0.5
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


async def main(arguments: argparse.Namespace) -> None:
    pem = {name: (Path(arguments.keys) / name).read_bytes() for name in ("ca.crt", "client.crt", "client.key")}
    endpoints, over = arguments.endpoints.split(","), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    async with Client(endpoints, Tls(pem["ca.crt"], pem["client.crt"], pem["client.key"])) as client:
        with Path(arguments.into).open("a", buffering=1) as into:
            while not over.is_set():
                said = [each for each in await asyncio.gather(*(look(client, one) for one in endpoints)) if each]
                if said:
                    into.write(json.dumps(line(said)) + "\n")
                with suppress(TimeoutError):
                    await asyncio.wait_for(over.wait(), EVERY)


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("endpoints", "keys", "into"):
        parser.add_argument(f"--{name}", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(asked()))
