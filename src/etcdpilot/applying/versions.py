"""Brings etcd's programs to hosts. What is downloaded is downloaded here, and runs only after its hash matched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcdpilot.applying.way_back import keep_programs
from etcdpilot.hosts.port import Binaries
from etcdpilot.hosts.together import together
from etcdpilot.model.steps import InstallBinaries
from etcdpilot.stores.binaries import provide

if TYPE_CHECKING:
    from etcdpilot.applying.world import RealWorld


async def install(step: InstallBinaries, world: RealWorld) -> None:
    if len(step.members) == 1 and world.memory.formed:
        await keep_programs(step.members[0], world)
    await together(*(install_on(name, step.version, world) for name in step.members))


async def install_on(name: str, version: str, world: RealWorld) -> None:
    member = world.wanted.machine(name)
    host = await world.fleet.host(name)
    architecture = await host.architecture()
    directory = await provide(world.wanted.source, version, architecture)
    await host.install(Binaries(version, str(directory), member.paths.library, member.paths.bin))
