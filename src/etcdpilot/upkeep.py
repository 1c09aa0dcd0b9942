"""What etcdpilot does to keep a cluster fit: the stories of space in the database, and of backups that come by
themselves. They stand on pilot.py's.
"""

from __future__ import annotations

from etcdpilot import pilot
from etcdpilot.model.plans import Plan
from etcdpilot.observing.memory import remember_identity
from etcdpilot.pilot import Site
from etcdpilot.planning.space import Worth, defrag_plan, nospace_plan


async def defragment(site: Site, worth: Worth, only: frozenset[str] = frozenset()) -> Plan:
    """The plan that gives free space in the databases back to the disks, one member at a time, the leader last."""
    return defrag_plan(site.wanted, await pilot.look(site, remember_identity(site.identity)), worth, only)


async def make_room(site: Site, keep: int) -> Plan:
    """The plan that brings a cluster back that went read-only because its database is full."""
    return nospace_plan(site.wanted, await pilot.look(site, remember_identity(site.identity)), keep)
