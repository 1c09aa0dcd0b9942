"""A real TLS cluster on this machine for a test session: members that a test kills, pauses and restarts."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from etcdpilot.hosts.local import LocalHost
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.stores.etcdctl import Access, environment_for, find_etcdctl
from etcdpilot.stores.local_clusters import Wish

if TYPE_CHECKING:
    from etcdpilot.etcd.client import Client
    from etcdpilot.model.status import Status

Result = TypeVar("Result")

READY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Member:
    name: str
    client_url: str
    peer_url: str


class LocalCluster:
    """Use it as a context manager. Every method returns when its effect is there."""

    def __init__(
        self,
        *,
        members: int = 3,
        etcd: str | None = None,
        tls: bool = True,
        directory: Path | None = None,
        timers: str = "loopback",
        options: dict[str, str] | None = None,
        address: str = "127.0.0.1",
        port: int | None = None,
    ) -> None:
        self._own = directory is None
        self.directory = Path(directory or tempfile.mkdtemp(prefix="etcdpilot-test-"))
        self.options = options or {}
        self._wish = Wish("test", members, etcd, port, address, timers, tls)

    @property
    def file(self) -> Path:
        """Its cluster file, for the command line: etcdpilot -f FILE …"""
        return self.directory / "cluster.yaml"

    @property
    def wanted(self) -> ClusterSpec:
        from etcdpilot import pilot

        return pilot.read_file(self.file)[0]

    @property
    def endpoints(self) -> tuple[str, ...]:
        return self.wanted.client_urls

    @property
    def members(self) -> tuple[Member, ...]:
        return tuple(
            Member(each.name, each.advertise_client_urls[0], each.advertise_peer_urls[0])
            for each in self.wanted.members
        )

    @property
    def etcdctl(self) -> str:
        """The path of the etcdctl of this cluster's version."""
        return find_etcdctl(self.wanted).path

    @property
    def environment(self) -> dict[str, str]:
        """What a child needs to reach the cluster with a bare etcdctl; nothing else of etcd's in it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ETCD_", "ETCDCTL_"))}
        access = Access(self.endpoints, self.directory if self.wanted.encrypted else None)
        return kept | environment_for(access, second=False)

    def client(self) -> Client:
        """A new client over all members; to be made and closed inside the loop that uses it."""
        from etcdpilot.etcd.channels import Tls
        from etcdpilot.etcd.client import Client
        from etcdpilot.observing.memory import keyring
        from etcdpilot.stores.state import StateFolder

        ring = keyring(StateFolder(self.directory)) if self.wanted.encrypted else None
        return Client(self.endpoints, Tls(ring.ca, ring.certificate, ring.key) if ring else None)

    def start(self) -> None:
        """Up and proved healthy; also after a `stop`, with the data that was there."""
        from etcdpilot import pilot

        if not self.file.exists():
            pilot.begin_local(self.file, self._wish, self.options)
        self._run(self._apply)

    def stop(self) -> None:
        self._run(self._stop)

    def kill(self, name: str) -> None:
        """SIGKILL; returns when the process is gone."""
        self._signal(name, signal.SIGKILL)
        self._wait_gone(name)

    def pause(self, name: str) -> None:
        """SIGSTOP: it keeps its connections and answers nothing."""
        self._signal(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)

    def restart(self, name: str) -> None:
        """Start it again if it was killed or paused, else stop and start it; returns when it answers."""
        self.resume(name)
        self._run(lambda: self._restart(name))

    def status(self) -> Status:
        from etcdpilot import pilot

        async def ask() -> Status:
            async with pilot.opened(self.wanted, self.directory) as site:
                return await pilot.status(site)

        return self._run(ask)

    def wait_until_healthy(self) -> Status:
        """Until every member votes and answers under one leader; TimeoutError after half a minute."""
        deadline = time.monotonic() + READY_SECONDS
        while not (found := self.status()).healthy:
            if time.monotonic() > deadline:
                raise TimeoutError(f"not healthy: {found}")
        return found

    def close(self) -> None:
        """Stop everything, and remove the directory if it was made for the purpose."""
        if self.file.exists():
            for member in self.members:
                self._signal(member.name, signal.SIGKILL)
                self._wait_gone(member.name)
        if self._own:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> LocalCluster:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _apply(self) -> None:
        from etcdpilot import pilot

        async with pilot.opened(self.wanted, self.directory) as site, pilot.at_work(site, "test"):
            agreed = await pilot.plan(site)
            if agreed.refusals:
                raise AssertionError(str(agreed.refusals))
            async for _ in pilot.apply(site, agreed):
                pass

    async def _stop(self) -> None:
        for member in self.members:
            await self._host(member.name).stop("")

    async def _restart(self, name: str) -> None:
        host = self._host(name)
        await host.restart("")
        await self._until_it_answers(name)

    async def _until_it_answers(self, name: str) -> None:
        from etcdpilot.model.knowledge import Known
        from etcdpilot.observing.members import ask
        from etcdpilot.observing.memory import open_door
        from etcdpilot.stores.state import StateFolder

        door = open_door(self.wanted, StateFolder(self.directory))
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not isinstance((await ask(door)).status(name), Known):
                    await asyncio.sleep(0.02)
        finally:
            await door.close()

    def _host(self, name: str) -> LocalHost:
        member = self.wanted.member(name)
        return LocalHost(name, member.paths.config, member.paths.data)

    def _signal(self, name: str, number: int) -> None:
        self._host(name).kill(number)

    def _wait_gone(self, name: str) -> None:
        self._run(lambda: self._host(name)._signal(0, READY_SECONDS))

    @staticmethod
    def _run(make: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """In a loop of its own, also when the caller is inside one (as an async test is)."""
        return asyncio.run_coroutine_threadsafe(make(), own_loop()).result()


@functools.cache
def own_loop() -> asyncio.AbstractEventLoop:
    """One loop in a thread for all clusters and the whole session: gRPC complains of loops that come and go."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="etcdpilot-testing", daemon=True).start()
    return loop
