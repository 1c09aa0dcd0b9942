"""What etcdpilot does to keep a cluster fit: the stories of space in the database, and of backups that come by
themselves. They stand on pilot.py's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from etcdpilot import observing, pilot
from etcdpilot.model.errors import HostFailed
from etcdpilot.model.plans import Plan
from etcdpilot.observing.memory import remember_identity
from etcdpilot.pilot import Site
from etcdpilot.planning.space import Worth, defrag_plan, nospace_plan
from etcdpilot.rendering.schedule import member_schedule, on_members

if TYPE_CHECKING:
    from etcdpilot.applying.backups import Saved
    from etcdpilot.applying.collecting import NotKept
    from etcdpilot.stores.port import SnapshotStore


async def defragment(site: Site, worth: Worth, only: frozenset[str] = frozenset()) -> Plan:
    """The plan that gives free space in the databases back to the disks, one member at a time, the leader last."""
    return defrag_plan(site.wanted, await pilot.look(site, remember_identity(site.identity)), worth, only)


async def make_room(site: Site, keep: int) -> Plan:
    """The plan that brings a cluster back that went read-only because its database is full."""
    return nospace_plan(site.wanted, await pilot.look(site, remember_identity(site.identity)), keep)


async def schedule_on_members(site: Site, *, remove: bool = False) -> Plan:
    """The plan that has every member take snapshots of itself, or that ends it."""
    from etcdpilot.planning.files import wanted_files
    from etcdpilot.planning.schedule import schedule_plan, unschedule_plan

    memory = remember_identity(site.identity)
    machines = (*site.wanted.members, *site.wanted.former)
    files = {
        member.name: (*wanted_files(site.wanted, member, memory, formed=True), *member_schedule(site.wanted, member))
        for member in machines
    }
    seen = await observing.observe(site.wanted, files, site.fleet, site.door, memory)
    if remove:
        return unschedule_plan(site.wanted, seen, memory)
    return schedule_plan(site.wanted, seen, memory, site.clock.now())


async def collect(site: Site, store: SnapshotStore) -> AsyncIterator[Saved | NotKept]:
    """Every snapshot that members took of themselves and that is not in the store yet, proved and kept; also why not."""
    from etcdpilot.applying.collecting import NotKept, collect_one, find, missing
    from etcdpilot.observing.backups import backups

    directory, kept = on_members(site.wanted).directory, (await backups(store, site.wanted.name)).backups
    identity = site.state.identity()
    cluster_id = int(identity.cluster_id, 16) if identity is not None and identity.formed else None
    for member in site.wanted.members:
        try:
            host = await site.fleet.host(member.name)
            found_there = missing(await find(member, host, directory), kept)
        except HostFailed as error:
            yield NotKept(member.name, "", " ".join((error.what, error.why)).strip())
            continue
        for found in found_there:
            yield await collect_one(found, host, site.door, site.wanted.name, cluster_id, store)
