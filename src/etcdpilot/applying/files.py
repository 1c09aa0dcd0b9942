"""Writes files on hosts: all of a host's in one stream, all hosts at once. Starts and stops nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from etcdpilot.applying.certificates import materialise
from etcdpilot.applying.way_back import keep_files
from etcdpilot.hosts.together import together
from etcdpilot.model.files import FileToWrite
from etcdpilot.model.steps import WriteFiles

if TYPE_CHECKING:
    from etcdpilot.applying.world import RealWorld


async def write(step: WriteFiles, world: RealWorld) -> None:
    # Issuing a handful of leaves takes milliseconds (ECDSA) to a second (RSA): off the loop, which keeps its lines alive.
    ready = await asyncio.to_thread(materialise, step, world)
    if len(ready) == 1 and world.memory.formed:  # a member of a running cluster, which is restarted with them
        await together(*(keep_files(member, files, world) for member, files in ready.items()))
    await together(*(write_on(member, files, world) for member, files in ready.items()))
    world.memory = replace(world.memory, key_hashes=world.state.key_hashes())


async def write_on(name: str, files: list[FileToWrite], world: RealWorld) -> None:
    member = world.wanted.machine(name)
    host = await world.fleet.host(name)
    await host.write(files, user=member.service.user, data=member.paths.data)
