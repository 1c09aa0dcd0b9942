"""All hosts of a cluster, each connected to when it is first needed and closed together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from etcdpilot.hosts.port import Host
from etcdpilot.model.addresses import MemberUrl
from etcdpilot.model.cluster import ClusterSpec, HostKind, MemberSpec
from etcdpilot.model.errors import HostFailed

Connect = Callable[[MemberSpec], Awaitable[Host]]


class Fleet:
    """Hosts by member name. `connect` raises HostFailed; the same failure is not tried twice in one run."""

    def __init__(self, wanted: ClusterSpec, connect: Connect) -> None:
        self.wanted, self._connect = wanted, connect
        self._hosts: dict[str, asyncio.Task[Host]] = {}
        self.ways: dict[str, int] = {}  # ports here that lead to members which only their own hosts reach

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


async def open_ways(fleet: Fleet) -> None:
    """Behind a jump host, members are spoken to through the connection to their host as well.

    HostFailed is left to the look, which names it: a member without a way is one that does not answer.
    """
    if fleet.wanted.kind is HostKind.LOCAL:
        return
    behind = [member for member in fleet.wanted.members if has_jump(member)]
    await asyncio.gather(*(open_way(member, fleet) for member in behind))


async def open_way(member: MemberSpec, fleet: Fleet) -> None:
    from etcdpilot.hosts.login import Login, jumps_of
    from etcdpilot.hosts.ssh import SshHost

    if not await jumps_of(Login.of(member.host, member.ssh)):
        return
    with suppress(HostFailed):
        host = await fleet.host(member.name)
        url = MemberUrl.parse(member.advertise_client_urls[0])
        if isinstance(host, SshHost):
            fleet.ways[member.name] = await host.tunnel(url.host, url.port)


def has_jump(member: MemberSpec) -> bool:
    """Whether it may be behind one. ~/.ssh/config is read as text here: asking asyncssh costs more than a whole status."""
    if member.ssh.jump:
        return True
    try:
        return "proxyjump" in Path("~/.ssh/config").expanduser().read_text(errors="replace").lower()
    except OSError:
        return False


def fleet_of(wanted: ClusterSpec) -> Fleet:
    """Child processes of this machine, or hosts over SSH, as the file says."""
    return Fleet(wanted, local if wanted.kind is HostKind.LOCAL else over_ssh)


async def local(member: MemberSpec) -> Host:
    from etcdpilot.hosts.local import LocalHost

    return LocalHost(member.name, member.paths.config, member.paths.data)


async def over_ssh(member: MemberSpec) -> Host:
    from etcdpilot.hosts.ssh import connect

    return await connect(member)
