"""Data is never deleted: a directory is renamed beside itself, with a stamp that says when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcdpilot.model.steps import MoveDataAside

if TYPE_CHECKING:
    from etcdpilot.applying.world import RealWorld


async def move_aside(step: MoveDataAside, world: RealWorld) -> None:
    host = await world.fleet.host(step.member)
    stamp = world.clock.now().strftime("aside-%Y%m%dT%H%M%SZ")
    await host.move_aside(step.path, stamp)
