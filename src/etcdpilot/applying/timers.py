"""Starts and stops systemd timers on members' hosts; what they start was written before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcdpilot.hosts.together import together
from etcdpilot.model.upkeep import StartTimers, StopTimers

if TYPE_CHECKING:
    from etcdpilot.applying.world import RealWorld


async def start(step: StartTimers, world: RealWorld) -> None:
    await together(*(start_on(name, step.timer, world) for name in step.members))


async def start_on(name: str, timer: str, world: RealWorld) -> None:
    """systemd reads the units anew, the timer comes back at boot, and runs from now on."""
    host = await world.fleet.host(name)
    await host.enable(timer)
    await host.start(timer)


async def stop(step: StopTimers, world: RealWorld) -> None:
    await together(*(stop_on(name, step.timer, world) for name in step.members))


async def stop_on(name: str, timer: str, world: RealWorld) -> None:
    await (await world.fleet.host(name)).disable(timer)
