"""Sees: asks hosts and etcd, changes nothing. One call of `observe` is one observation epoch."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from etcdpilot.etcd.door import Door
from etcdpilot.hosts.fleet import Fleet
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.errors import HostFailed
from etcdpilot.model.files import FileSpec
from etcdpilot.model.knowledge import Known, Unknown
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import HostSeen, Seen
from etcdpilot.observing.files import host_seen, question_for
from etcdpilot.observing.members import ask, membership, patience_with

Files = Mapping[str, tuple[FileSpec, ...]]


async def observe(wanted: ClusterSpec, files: Files, fleet: Fleet, door: Door, memory: Memory) -> Seen:
    """Every host and the cluster, at once. `files` are those that a look shall hash, by member."""
    etcd, hosts = await asyncio.gather(ask(door, patience_with(memory)), all_hosts(wanted, files, fleet))
    return Seen(hosts, etcd, membership(wanted.roster, etcd, memory))


async def all_hosts(
    wanted: ClusterSpec, files: Files, fleet: Fleet
) -> tuple[tuple[str, Known[HostSeen] | Unknown], ...]:
    names = [member.name for member in (*wanted.members, *wanted.former)]
    found = await asyncio.gather(*(look(wanted, name, files[name], fleet) for name in names))
    return tuple(zip(names, found, strict=True))


async def look(wanted: ClusterSpec, name: str, files: tuple[FileSpec, ...], fleet: Fleet) -> Known[HostSeen] | Unknown:
    member = wanted.machine(name)
    try:
        host = await fleet.host(name)
        answer = await host.look(question_for(wanted, member, files))
    except HostFailed as error:
        return Unknown(" ".join(part for part in (error.what, error.why) if part))
    return Known(host_seen(answer, member))
