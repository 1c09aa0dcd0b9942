"""A first start: members ask each other who was there before, and one that listens without serving keeps them waiting."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from etcdpilot.applying.gates import explains, waiting_for
from etcdpilot.applying.services import start_all
from etcdpilot.model.knowledge import Unknown
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import EtcdSeen
from etcdpilot.observing.clock import SystemClock
from tests.paper.clusters import cluster

pytestmark = pytest.mark.local


@dataclass
class SlowHosts:
    """Hosts whose members open their peer ports a while after their start; notes whose were open at each start."""

    ports: dict[str, int]
    seen: dict[str, set[str]] = field(default_factory=dict)
    opened: dict[str, asyncio.Server] = field(default_factory=dict)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def host(self, name: str) -> Any:
        hosts = self

        class Host:
            async def start(self, unit: str) -> None:
                hosts.seen[name] = set(hosts.opened)
                hosts.tasks.append(asyncio.create_task(hosts.open_later(name)))

        return Host()

    async def open_later(self, name: str) -> None:
        await asyncio.sleep(0.1)
        self.opened[name] = await asyncio.start_server(hang_up, "127.0.0.1", self.ports[name])

    async def close(self) -> None:
        for task in self.tasks:
            with suppress(asyncio.CancelledError):
                await task
        for server in self.opened.values():
            server.close()


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@dataclass
class World:
    wanted: Any
    memory: Memory
    fleet: SlowHosts
    clock: SystemClock = field(default_factory=SystemClock)


def world(formed: bool) -> World:
    ports = {name: free_port() for name in ("etcd-0", "etcd-1", "etcd-2")}
    spec = cluster()
    members = [replace(each, advertise_peer_urls=(f"https://127.0.0.1:{ports[each.name]}",)) for each in spec.members]
    return World(replace(spec, members=tuple(members)), Memory("token", "1", (), formed), SlowHosts(ports))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def started(here: World) -> dict[str, set[str]]:
    """Whose ports were open when each was started."""
    try:
        await start_all(here.wanted.names, cast(Any, here))
        return here.fleet.seen
    finally:
        await here.fleet.close()


async def test_the_member_that_is_asked_first_listens_before_the_others_are_started():
    here = world(formed=False)
    first = min(here.wanted.members, key=lambda member: member.advertise_peer_urls).name
    seen = await started(here)
    assert seen.pop(first) == set() and list(seen.values()) == [{first}, {first}]


async def test_members_that_were_there_before_are_started_at_once():
    assert list((await started(world(formed=True))).values()) == [set()] * 3


NAMES = ("etcd-0", "etcd-1", "etcd-2")
NOBODY = EtcdSeen(Unknown("no member answers"), tuple((name, Unknown("no connection")) for name in NAMES))


def test_while_members_cannot_start_it_is_said_how_many_have_come_up_and_what_keeps_the_others():
    said = waiting_for(NAMES, list(NAMES), {"etcd-1": "the port is taken", "etcd-2": "the disk is full"}, NOBODY)
    assert said == (
        "waiting for quorum (1/3) — etcd-0: it runs, and waits for the others; "
        "etcd-1: the port is taken; etcd-2: the disk is full"
    )
    assert waiting_for(NAMES, list(NAMES), {}, NOBODY).startswith("waiting for quorum (0/3) — etcd-0: no connection;")


@pytest.mark.parametrize(
    ("broken", "silent", "enough"),
    [(["etcd-2"], ["etcd-2"], True), (["etcd-1", "etcd-2"], list(NAMES), True), (["etcd-2"], list(NAMES), False)],
)
def test_nobody_waits_for_a_quorum_that_cannot_come(broken: list[str], silent: list[str], enough: bool):
    assert explains(broken, silent, cast(Any, world(formed=False))) is enough
