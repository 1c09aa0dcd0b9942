"""Runs the kv verbs as a user does, on a cluster of the fixtures."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from etcdpilot.etcd.client import Client
from etcdpilot.testing.local_cluster import LocalCluster

Result = TypeVar("Result")
PATIENCE = 60.0


def run(
    cluster: LocalCluster, *words: str | bytes, stdin: bytes = b"", code: int | None = 0
) -> subprocess.CompletedProcess[bytes]:
    ended = subprocess.run(
        command(cluster, *words), input=stdin, capture_output=True, env=environment(), timeout=PATIENCE, check=False
    )
    assert b"Traceback" not in ended.stderr, ended.stderr.decode()
    assert code is None or ended.returncode == code, (words, ended.returncode, ended.stdout, ended.stderr)
    return ended


def kv(cluster: LocalCluster, *words: str | bytes, stdin: bytes = b"", code: int | None = 0) -> bytes:
    return run(cluster, "kv", *words, stdin=stdin, code=code).stdout


def ctl(cluster: LocalCluster, *words: str) -> bytes:
    return run(cluster, "ctl", "--", *words).stdout


def command(cluster: LocalCluster, *words: str | bytes) -> list[str | bytes]:
    return [sys.executable, "-m", "etcdpilot", "-f", str(cluster.file), *words]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("ETCD")}


def on(cluster: LocalCluster, do: Callable[[Client], Awaitable[Result]]) -> Result:
    """Something done through a client of its own, in a loop of its own: the cluster's may be wanted meanwhile."""

    async def work() -> Result:
        async with cluster.client() as client:
            return await do(client)

    return asyncio.run(work())


def emptied(cluster: LocalCluster) -> None:
    on(cluster, lambda client: client.kv.delete(b"", prefix=True))


@dataclass
class Running:
    """A verb that runs on; its lines of output are collected."""

    process: subprocess.Popen[bytes]
    lines: list[bytes] = field(default_factory=list)
    said: list[bytes] = field(default_factory=list)

    @classmethod
    def begin(cls, cluster: LocalCluster, *words: str) -> Running:
        process = subprocess.Popen(
            command(cluster, *words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        running = cls(process)
        for pipe, lines in ((process.stdout, running.lines), (process.stderr, running.said)):
            threading.Thread(target=lambda pipe=pipe, lines=lines: lines.extend(pipe), daemon=True).start()
        return running

    def until(self, check: Callable[[Running], bool], seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not check(self):
            assert self.process.poll() is None and time.monotonic() < deadline, (self.lines[-3:], self.said)
            time.sleep(0.02)

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
