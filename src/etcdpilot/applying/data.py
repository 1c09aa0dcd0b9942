"""Data is never deleted: a directory is renamed beside itself, with a stamp that says when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcdpilot.applying.way_back import close
from etcdpilot.model.steps import MoveData, MoveDataAside

if TYPE_CHECKING:
    from etcdpilot.applying.world import RealWorld

STAMP = "aside-%Y%m%dT%H%M%SZ"


async def move_aside(step: MoveDataAside, world: RealWorld) -> None:
    host = await world.fleet.host(step.member)
    await host.move_aside(step.path, world.clock.now().strftime(STAMP))


async def move(step: MoveData, world: RealWorld) -> None:
    """Whoever holds the data stops first; it is started again by a step of its own, with files that name the new path."""
    close(step.member, world)
    service = world.wanted.machine(step.member).service
    host = await world.fleet.host(step.member)
    await host.stop(service.unit)
    await host.move_data(step.before, step.path, world.clock.now().strftime(STAMP), user=service.user)
