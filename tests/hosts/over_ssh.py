"""A test's own process as the controller of one host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from etcdpilot.hosts.login import Login
from etcdpilot.hosts.port import Question
from etcdpilot.hosts.ssh import SshHost
from etcdpilot.model.files import FileToWrite
from lab import Lab

UNIT = """[Service]
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
"""


@asynccontextmanager
async def over_ssh(lab: Lab, name: str = "h1", **login: object) -> AsyncIterator[SshHost]:
    host = SshHost(name, Login(**{"host": lab.host(name).address, **login}))  # type: ignore[arg-type]
    try:
        yield host
    finally:
        await host.close()


def question(**changes: object) -> Question:
    asked = {
        "unit": "etcd",
        "etcd": "/usr/local/bin/etcd",
        "data": "/var/lib/etcd",
        "files": (),
        "texts": (),
        "ports": (),
    }
    return Question(**{**asked, **changes})  # type: ignore[arg-type]


def unit_file(text: str = UNIT) -> FileToWrite:
    return FileToWrite("/etc/systemd/system/etcd.service", 0o644, "root", text.encode())


async def until(condition: Callable[[], bool], within: float = 20) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.02)
