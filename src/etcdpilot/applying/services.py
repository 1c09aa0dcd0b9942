"""Starts, stops and restarts members, and waits at their gates. A wait has a deadline and says what it waits for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from etcdpilot.applying.gates import answers
from etcdpilot.applying.members import hand_over_first
from etcdpilot.applying.way_back import go_back
from etcdpilot.etcd.door import connecting
from etcdpilot.etcd.endpoints import Endpoint
from etcdpilot.hosts.sizes import size_of
from etcdpilot.hosts.together import together
from etcdpilot.model.errors import ClusterFailed, HostFailed
from etcdpilot.model.knowledge import Known
from etcdpilot.model.observation import EtcdSeen
from etcdpilot.model.steps import (
    DisableService,
    EnableServices,
    RestartMember,
    StartLearner,
    StartMembers,
    StopMembers,
)
from etcdpilot.observing.members import ask

if TYPE_CHECKING:
    from etcdpilot.applying.world import RealWorld


async def enable(step: EnableServices, world: RealWorld) -> None:
    await together(*(enable_on(name, world) for name in step.members))


async def enable_on(name: str, world: RealWorld) -> None:
    await (await world.fleet.host(name)).enable(unit(name, world))


async def start(step: StartMembers, world: RealWorld) -> AsyncIterator[str]:
    await start_all(step.members, world)
    async for on in answers(step.members, world):
        yield on


async def start_all(names: tuple[str, ...], world: RealWorld) -> None:
    """All at once, but on a first start: there one member listens before the others come.

    Cut off in between, it is a first start that the next run finishes: no host knows the ID of a cluster yet.
    """
    first, *others = in_order_of_asking(names, world)
    await start_on(first, world)
    if others and not world.memory.formed:
        await listens(first, world)
    await together(*(start_on(name, world) for name in others))


# A new member asks the others whether it was there before, in the order of their URLs until one answers. One that
# listens already and does not serve yet, because it asks as well, costs a second: members that are all started at one
# moment have come up after a fifth of a second or after more than two, by luck.
ASKING_SECONDS = 1.0


def in_order_of_asking(names: tuple[str, ...], world: RealWorld) -> list[str]:
    return sorted(names, key=lambda name: min(world.wanted.machine(name).advertise_peer_urls))


async def listens(name: str, world: RealWorld) -> None:
    """Until its peer port is open, as far as that can be seen from here; nothing but time depends on it."""
    endpoint = Endpoint.parse(world.wanted.machine(name).advertise_peer_urls[0])
    enough = world.clock.monotonic() + ASKING_SECONDS
    while await connecting(endpoint, ASKING_SECONDS) is None and world.clock.monotonic() < enough:
        await world.clock.sleep(0.01)


async def start_on(name: str, world: RealWorld) -> None:
    await (await world.fleet.host(name)).start(unit(name, world))


async def start_learner(step: StartLearner, world: RealWorld) -> AsyncIterator[str]:
    await start_on(step.member, world)
    async for on in answers((step.member,), world):
        yield f"{on}{await copied_so_far(step.member, world)}"


async def copied_so_far(name: str, world: RealWorld) -> str:
    """` (12.0 of 500.0 MiB copied)`. It opens its client port when it has it all: until then only its host can tell."""
    try:
        host = await world.fleet.host(name)
        here = await size_of(host, f"{world.wanted.machine(name).paths.data}/member/snap")
    except HostFailed:
        return ""
    others = [status.value.db_size for _, status in (await ask(world.door)).statuses if isinstance(status, Known)]
    return f" ({here / 2**20:.1f} of {max(others) / 2**20:.1f} MiB copied)" if here and others else ""


async def restart(step: RestartMember, world: RealWorld) -> AsyncIterator[str]:
    async for on in hand_over_first(step.member, world):
        yield on
    await (await world.fleet.host(step.member)).restart(unit(step.member, world))
    try:
        async for on in answers((step.member,), world):
            yield on
    except ClusterFailed as failed:
        async for on in go_back(step.member, failed, world):
            yield on
    world.ways_back.pop(step.member, None)


async def stop(step: StopMembers, world: RealWorld) -> None:
    """The leader last: one that is stopped together with its successor waits five seconds for it to take over."""
    leading = frozenset(leaders(await ask(world.door)))
    await together(*(stop_on(name, world) for name in step.members if name not in leading))
    await together(*(stop_on(name, world) for name in step.members if name in leading))


def leaders(seen: EtcdSeen) -> Iterator[str]:
    for name, status in seen.statuses:
        if isinstance(status, Known) and status.value.is_leader:
            yield name


async def stop_on(name: str, world: RealWorld) -> None:
    await (await world.fleet.host(name)).stop(unit(name, world))


async def disable(step: DisableService, world: RealWorld) -> None:
    await (await world.fleet.host(step.member)).disable(unit(step.member, world))


def unit(name: str, world: RealWorld) -> str:
    return world.wanted.machine(name).service.unit
