"""Starts, stops and restarts members, and waits at their gates. A wait has a deadline and says what it waits for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from etcdpilot.applying.gates import answers
from etcdpilot.applying.members import hand_over_first
from etcdpilot.hosts.sizes import size_of
from etcdpilot.hosts.together import together
from etcdpilot.model.errors import HostFailed
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
    # At one moment: between a first member and the next the controller can be cut off, and a quorum of the first start
    # would have formed without the last one.
    await together(*(start_on(name, world) for name in step.members))
    async for on in answers(step.members, world):
        yield on


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
    async for on in answers((step.member,), world):
        yield on


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
