"""An open-loop writer and a watcher beside a cluster under test; what they saw, as one JSON document.

    python -m etcdpilot.testing.load --endpoints https://a:2379,… --keys DIR --rate 200 --into FILE

Writes start on schedule whatever happens; each attempt has a deadline, and a write that got no answer is repeated at the
next endpoint until one acknowledges it. On SIGTERM it stops, reads everything back, and ends. A process of its own: it
shares no interpreter with what it measures, and can stand in another network namespace.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from etcdpilot.etcd.channels import Tls
from etcdpilot.etcd.client import Client
from etcdpilot.etcd.errors import EtcdError
from etcdpilot.model.answers import WatchEvent
from etcdpilot.model.errors import EtcdpilotError

PREFIX = "/etcdpilot/load/"
PATIENCE = 60.0  # a write that is not acknowledged by then counts as given up; never as lost
BETWEEN = 0.025  # two attempts of one write, as in etcd's own client (clientv3, options.go: backoffWaitBetween)
QUIET = 0.05  # between two attempts when no endpoint takes one
PAUSE = 0.5  # from here on a gap between two acknowledgements is told with its beginning and its end


@dataclass
class Record:
    """`acknowledged`: key, and when on the monotonic clock; `repeats`: how often each repeated write was repeated."""

    begun: int = 0
    acknowledged: dict[str, float] = field(default_factory=dict)
    repeats: dict[str, int] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)
    watched: dict[str, int] = field(default_factory=dict)
    newest: int = 0  # the revision of the last event; one change has one, and they only grow
    out_of_order: list[str] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)

    def document(self, found: set[str]) -> dict[str, Any]:
        times = sorted(self.acknowledged.values())
        gaps = [later - earlier for earlier, later in pairwise(times)]
        pauses = [(earlier, later) for earlier, later in pairwise(times) if later - earlier > PAUSE]
        return {
            "begun": self.begun,
            "acknowledged": len(times),
            "given_up": len(self.given_up),
            "repeats": sum(self.repeats.values()),
            "most_repeats_of_one": max(self.repeats.values(), default=0),
            "longest_gap": round(max(gaps, default=0.0), 4),
            "pauses": pauses,
            "lost": sorted(set(self.acknowledged) - found),
            "not_watched": sorted(set(self.acknowledged) - set(self.watched)),
            # A write that was repeated may have been done twice: two changes, two events, and rightly so.
            "watched_twice": sorted(k for k, seen in self.watched.items() if seen > 1 + self.repeats.get(k, 0)),
            "out_of_order": self.out_of_order,
            "causes": self.causes[:20],
        }

    def note_event(self, key: str, revision: int) -> None:
        self.watched[key] = self.watched.get(key, 0) + 1
        if revision <= self.newest:
            self.out_of_order.append(f"{key} at {revision}, after {self.newest}")
        self.newest = max(self.newest, revision)


class Load:
    def __init__(self, client: Client, rate: float, attempt: float) -> None:
        self.client, self.rate, self.attempt = client, rate, attempt
        self.record, self.over, self.turned = Record(), asyncio.Event(), asyncio.Event()
        self.prefix = f"{PREFIX}{time.time_ns()}/"  # keys of its own, whoever wrote there before
        self.place = 0
        self.former: list[Client] = []  # their calls may still be under way

    async def run(self) -> dict[str, Any]:
        watching = asyncio.create_task(self.watch())
        writes: set[asyncio.Task[None]] = set()
        began = time.monotonic()
        while not self.over.is_set():
            due = began + self.record.begun / self.rate
            with suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), max(0.0, due - time.monotonic()))
            task = asyncio.create_task(self.write(f"{self.prefix}{self.record.begun:08d}"))
            self.record.begun += 1
            writes.add(task)
            task.add_done_callback(writes.discard)
        await asyncio.gather(*writes)
        found = await self.read_back()
        await self.until_watched()
        watching.cancel()
        return self.record.document(found)

    async def first_acknowledgement(self) -> None:
        """Connections stand and somebody writes: what comes after is what a program sees that has run for a while."""
        await self.write(f"{self.prefix}first")

    async def write(self, key: str) -> None:
        """Until it is acknowledged, at one endpoint after the other."""
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE:
            endpoint = self.client.endpoints[self.place % len(self.client.endpoints)]
            place = self.place
            try:
                await self.client.at(endpoint).kv.put(key, key, timeout=self.attempt)
            except EtcdpilotError as error:
                self.note_failure(key, error)
                # Whoever fails first moves everybody on.
                self.place = place + 1 if self.place == place else self.place
                await asyncio.sleep(QUIET if self.record.repeats.get(key, 0) > 3 else BETWEEN)
                continue
            self.record.acknowledged[key] = time.monotonic()
            return
        self.record.given_up.append(key)

    def note_failure(self, key: str, error: EtcdpilotError) -> None:
        self.record.repeats[key] = self.record.repeats.get(key, 0) + 1
        if len(self.record.causes) < 20:
            self.record.causes.append(f"{key[-8:]}: {error.what} {error.why}"[:200])

    async def watch(self) -> None:
        """By the client of now; another one takes over at the next revision."""
        while True:
            self.turned.clear()
            watching = asyncio.create_task(self.watch_by(self.client))
            turned = asyncio.create_task(self.turned.wait())
            # Not at its next event: the connection of before may have none any more.
            await asyncio.wait((watching, turned), return_when=asyncio.FIRST_COMPLETED)
            if watching.done() and (error := watching.exception()):
                self.record.causes.append(f"the watch ended: {error!r}"[:200])
                await asyncio.sleep(QUIET)
            for task in (watching, turned):
                task.cancel()
            await asyncio.gather(watching, turned, return_exceptions=True)

    async def watch_by(self, client: Client) -> None:
        begin = self.record.newest + 1
        async with client.watch(self.prefix, prefix=True, start_revision=begin) as events:
            async for event in events:
                if isinstance(event, WatchEvent):
                    self.record.note_event(event.kv.key.decode(), event.kv.mod_revision)

    async def follow(self, keys: Keys) -> None:
        """Certificates that change on the disk are taken as a program takes them that reads its files again: a new client
        for what comes next. It is looked for twice, so that half of a pair is never read."""
        known = before = keys.stamp()
        while True:
            await asyncio.sleep(QUIET)
            now = keys.stamp()
            if now == before and now != known:
                self.former.append(self.client)
                self.client, known = Client(self.client.endpoints, keys.tls()), now
                self.turned.set()
            before = now

    async def close(self) -> None:
        for client in (*self.former, self.client):
            await client.close()

    async def read_back(self) -> set[str]:
        """Every key that there is, by a linearizable read; asks until somebody answers."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return {kv.key.decode() async for kv in self.client.kv.scan(self.prefix, keys_only=True)}
                except EtcdError:
                    await asyncio.sleep(QUIET)

    async def until_watched(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while set(self.record.acknowledged) - set(self.record.watched):
                    await asyncio.sleep(QUIET)


class Keys:
    """What a client shows and trusts: ca.crt, client.crt and client.key of one directory."""

    NAMES = ("ca.crt", "client.crt", "client.key")

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def tls(self) -> Tls:
        ca, certificate, key = ((self.directory / name).read_bytes() for name in self.NAMES)
        return Tls(ca, certificate, key)

    def stamp(self) -> tuple[int, ...]:
        return tuple((self.directory / name).stat().st_mtime_ns for name in self.NAMES)


class Beside:
    """The same as a child process: `begin` returns once it writes, `end` with what it saw."""

    def __init__(self, endpoints: Sequence[str], into: Path, *, keys: Path | None = None, rate: float = 200.0) -> None:
        self.into = into
        words = ["--endpoints", ",".join(endpoints), "--rate", str(rate), "--into", str(into)]
        self.command = [
            sys.executable,
            "-m",
            "etcdpilot.testing.load",
            *words,
            *(["--keys", str(keys)] if keys else []),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self, spawn: Callable[[list[str]], subprocess.Popen[bytes]] = subprocess.Popen) -> Beside:
        self._process = spawn(self.command)
        self._until(self.into.with_suffix(".began").exists)
        return self

    def end(self) -> dict[str, Any]:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(3 * PATIENCE)
        document: dict[str, Any] = json.loads(self.into.read_text())
        return document

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _until(self, holds: Callable[[], bool]) -> None:
        assert self._process is not None
        deadline = time.monotonic() + 30
        while not holds():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the writer did not begin")
            time.sleep(0.02)


async def main(arguments: argparse.Namespace) -> None:
    keys = Keys(Path(arguments.keys)) if arguments.keys else None
    load = Load(Client(arguments.endpoints.split(","), keys.tls() if keys else None), arguments.rate, arguments.attempt)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, load.over.set)
    try:
        await load.first_acknowledgement()
        Path(arguments.into).with_suffix(".began").touch()
        following = asyncio.create_task(load.follow(keys)) if keys else None
        document = await load.run()
        if following:
            following.cancel()
    finally:
        await load.close()
    beside = Path(arguments.into).with_suffix(".new")
    beside.write_text(json.dumps(document))
    beside.replace(arguments.into)


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoints", required=True)
    parser.add_argument("--keys", default="")
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--attempt", type=float, default=1.0)
    parser.add_argument("--into", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(asked()))
