"""What a member had before it was changed: one that does not come up with the change gets it back, and the run stops.

Kept in memory alone. A controller that dies in between leaves the change as it is, and the next run goes on from there.
"""

from __future__ import annotations

import posixpath
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from etcdpilot.applying.gates import answers
from etcdpilot.hosts.together import together
from etcdpilot.model.errors import ClusterFailed, HostFailed
from etcdpilot.model.files import FileToWrite
from etcdpilot.observing.files import question_for

if TYPE_CHECKING:
    from etcdpilot.applying.world import RealWorld


@dataclass(frozen=True, slots=True)
class WayBack:
    """`programs` is the folder of the etcd that ran before another was installed, empty where none was.

    `closed`: the cluster knows the member by another address, or its data is elsewhere. There is no way back from that.
    """

    files: tuple[FileToWrite, ...] = ()
    programs: str = ""
    closed: bool = False


async def keep_files(name: str, coming: Iterable[FileToWrite], world: RealWorld) -> None:
    """What these will be written over. The note about the cluster stays as it will be: it only ever learns.

    Where one of them cannot be read there is no way back, for half of what was there is not what was there.
    """
    marker = world.wanted.machine(name).paths.marker
    try:
        found = await together(*(as_it_is(name, file, world) for file in coming if file.path != marker))
    except HostFailed:
        close(name, world)
        return
    way = world.ways_back.get(name, WayBack())
    first = {file.path: file for file in (*[each for each in found if each], *way.files)}
    world.ways_back[name] = replace(way, files=tuple(first.values()))


async def as_it_is(name: str, coming: FileToWrite, world: RealWorld) -> FileToWrite | None:
    pieces: list[bytes] = []
    try:
        await (await world.fleet.host(name)).fetch(coming.path, pieces.append)
    except FileNotFoundError:
        return None
    return replace(coming, data=b"".join(pieces))


async def keep_programs(name: str, world: RealWorld) -> None:
    member, host = world.wanted.machine(name), await world.fleet.host(name)
    process = (await host.look(question_for(world.wanted, member, ()))).process
    if process is not None and process.executable.startswith(f"{member.paths.library}/"):
        way = world.ways_back.get(name, WayBack())
        world.ways_back[name] = replace(way, programs=posixpath.dirname(process.executable))


def close(name: str, world: RealWorld) -> None:
    world.ways_back[name] = WayBack(closed=True)


async def go_back(name: str, failed: ClusterFailed, world: RealWorld) -> AsyncIterator[str]:
    """Put back what was there, and say so: raises ClusterFailed in any case."""
    way = world.ways_back.pop(name, WayBack())
    if way.closed or not (way.files or way.programs):
        raise failed
    yield f"{name} does not come up with what was changed; it gets back what it had"
    member, host = world.wanted.machine(name), await world.fleet.host(name)
    await host.write(way.files, user=member.service.user)
    if way.programs:
        await host.point_to(way.programs, member.paths.bin)
    await host.restart(member.service.unit)
    try:
        async for on in answers((name,), world):
            yield on
    except ClusterFailed as again:
        raise ClusterFailed(
            f"{name} did not come up with what was changed, nor with what it had before, which it has again.",
            why=f"{failed.why}\nAs before: {again.why}",
            remedy=failed.remedy,
        ) from failed
    raise ClusterFailed(
        f"{name} did not come up with what was changed. It has what it had before, and answers again.",
        why=failed.why,
        remedy="No other member was touched since. Put the cluster file right, and see what would be done:\n"
        "    etcdpilot plan",
    ) from failed
