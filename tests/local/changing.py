"""A local cluster that a test changes by the command line, with a writer beside it, and a controller that dies."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from etcdpilot.stores.local_clusters import is_free
from etcdpilot.stores.reservations import Reservations
from etcdpilot.testing.dying import last_begun, later
from etcdpilot.testing.load import Beside
from tests.local.commands import Ended, Folder

KILLED = -signal.SIGKILL
MOST_RUNS = 100
EVERY_MOMENT = ("after:1", "after:1+0.01", "before:2")


def known_ports() -> list[tuple[int, int]]:
    """Eight pairs that follow each other, kept from others of this run: some are used only later, or are down."""
    book = Reservations()
    first = next(
        port
        for port in (random.randrange(12000, 29000) for _ in range(1000))
        if all(is_free("127.0.0.1", port + place) and book.reserve(port + place) for place in range(16))
    )
    return [(first + 2 * place, first + 2 * place + 1) for place in range(8)]


class Cluster(Folder):
    """`members` of them, on ports that are known beforehand: five pairs for `etcd-0` to `etcd-4`."""

    def begin_with(self, members: int, *more: str) -> Cluster:
        self.ports = known_ports()
        self.run("up", "--port", str(self.ports[0][0]), "--members", str(members), *more)
        self.run("ctl", "--", "put", "kept", "from the beginning")
        return self

    @property
    def state(self) -> Path:
        return self.path / ".etcdpilot" / "dev"

    @property
    def file(self) -> Path:
        return self.state / "cluster.yaml"

    def edit(self, old: str, new: str) -> None:
        text = self.file.read_text()
        assert old in text, text
        self.file.write_text(text.replace(old, new))

    def line(self, number: int) -> str:
        client, peer = self.ports[number]
        return f"  - {{name: etcd-{number}, client-port: {client}, peer-port: {peer}}}"

    def name_members(self, *numbers: int) -> None:
        """The file names these members and no others."""
        head = self.file.read_text().split("members:\n")[0]
        self.file.write_text(head + "members:\n" + "".join(self.line(number) + "\n" for number in numbers))

    def add(self, number: int, *more: str, code: int | None = 0) -> Ended:
        client, peer = self.ports[number]
        ports = ("--client-port", str(client), "--peer-port", str(peer))
        return self.run("member", "add", f"etcd-{number}", *ports, "--yes", *more, code=code)

    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in self.run("status", "-o", "json", code=None).document["members"]}

    def states(self) -> dict[str, str]:
        return {name: row["state"] for name, row in self.rows().items()}

    def leader(self) -> str:
        return next(name for name, row in self.rows().items() if row["is_leader"])

    def kill(self, name: str) -> None:
        os.kill(self.members()[name], signal.SIGKILL)
        while name in self.members():
            pass

    def aside(self) -> list[str]:
        """Data directories that were moved aside."""
        return sorted(str(path.relative_to(self.state)) for path in self.state.glob("members/*/data.aside-*"))

    def dying(self, moment: str, *arguments: str) -> Ended:
        command = [sys.executable, "-m", "etcdpilot.testing.dying", moment, *arguments]
        done = subprocess.run(
            command, cwd=self.path, env=self.environment, capture_output=True, text=True, timeout=90, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    def in_pieces(self, *verb: str, again: tuple[str, ...] = (), moments: tuple[str, ...] = EVERY_MOMENT) -> int:
        """Every run is killed, at one step after the other; returns after how many runs it was through.

        The moments count from the first step. Where that one was cut off before at the same moment (a probe leaves
        nothing behind, and what was only begun stands there again), the next run gets one step further.
        """
        words, further, cut = verb, 0, set[tuple[str, str]]()
        for run in range(1, MOST_RUNS):
            here = set[tuple[str, str]]()
            for moment in moments:
                ended = self.dying(later(moment, 2 * further), *words)
                if ended.code == 0:
                    return run
                assert ended.code == KILLED, f"{words} {moment}: {ended.code}\n{ended.out}\n{ended.err}"
                here.add((moment, last_begun(self.state / "journal.jsonl")))
                self.never_without_quorum()
                words = again or verb
            further = 0 if here - cut else further + 1
            cut |= here
        raise AssertionError("it does not come to an end")

    def never_without_quorum(self) -> None:
        cluster = self.run("status", "-o", "json", code=None).document["cluster"]
        assert cluster["tolerance"] >= 0, cluster

    def is_settled(self, *names: str) -> None:
        """Exactly these vote, one cluster, proved; a further apply has nothing to do, and what was written is there."""
        assert self.states() == dict.fromkeys(names, "voting")
        applied = self.run("apply", "--yes").out
        assert "Nothing to do" in applied, applied
        self.run("health")
        assert self.run("ctl", "--", "get", "kept").out == "kept\nfrom the beginning\n"
        assert sorted(self.members()) == sorted(names)

    @contextmanager
    def under_load(self, urls: Sequence[str] = ()):
        """Everything that was acknowledged is there afterwards, and was seen once. Without URLs: all, by https."""
        urls = urls or [f"https://127.0.0.1:{client}" for client, _ in self.ports]
        into = self.path / "load.json"
        beside = Beside(urls, into, keys=self.state, rate=100).begin(
            lambda command: subprocess.Popen(command, env=self.environment)
        )
        seen: dict[str, Any] = {}
        try:
            yield seen
            seen |= beside.end()
        finally:
            beside.kill()
        assert seen["lost"] == [] and seen["given_up"] == 0, seen
        assert seen["not_watched"] == [] and seen["watched_twice"] == [], seen

    def journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.state / "journal.jsonl").read_text().splitlines()]
