"""All hosts of a cluster, each connected to when it is first needed and closed together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from etcdpilot.hosts.port import Host
from etcdpilot.model.cluster import ClusterSpec, HostKind, MemberSpec

Connect = Callable[[MemberSpec], Awaitable[Host]]


class Fleet:
    """Hosts by member name. `connect` raises HostFailed; the same failure is not tried twice in one run."""

    def __init__(self, wanted: ClusterSpec, connect: Connect) -> None:
        self.wanted, self._connect = wanted, connect
        self._hosts: dict[str, asyncio.Task[Host]] = {}

    async def host(self, name: str) -> Host:
        if name not in self._hosts:
            self._hosts[name] = asyncio.ensure_future(self._open(self.wanted.machine(name)))
        return await asyncio.shield(self._hosts[name])

    async def _open(self, member: MemberSpec) -> Host:
        return await self._connect(member)

    async def close(self) -> None:
        for task in self._hosts.values():
            if task.done() and not task.cancelled() and task.exception() is None:
                await task.result().close()
            else:
                task.cancel()
        self._hosts.clear()


def fleet_of(wanted: ClusterSpec) -> Fleet:
    """Child processes of this machine, or hosts over SSH, as the file says."""
    return Fleet(wanted, local if wanted.kind is HostKind.LOCAL else over_ssh)


async def local(member: MemberSpec) -> Host:
    from etcdpilot.hosts.local import LocalHost

    return LocalHost(member.name, member.paths.config, member.paths.data)


async def over_ssh(member: MemberSpec) -> Host:
    from etcdpilot.hosts.ssh import connect

    return await connect(member)
