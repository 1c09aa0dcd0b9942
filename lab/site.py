"""A controller's folder with a cluster file in it, and the verbs as a user types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from lab.host import Host
from lab.laboratory import Lab

ETCDPILOT = str(Path(sys.executable).with_name("etcdpilot"))
DYING = (sys.executable, "-m", "etcdpilot.testing.dying")


class Site:
    """One cluster file on the lab's hosts. Every verb is a process of its own in the controller's place."""

    def __init__(self, lab: Lab, folder: Path, name: str = "prod") -> None:
        self.lab, self.folder, self.name = lab, folder, name
        self.file = folder / "cluster.yaml"
        self.state = folder / ".etcdpilot" / name
        folder.mkdir(parents=True, exist_ok=True)

    def init_with(self, etcd: Path, *hosts: str, options: tuple[str, ...] = ()) -> Self:
        """What `etcdpilot init` prints for these hosts (all of the lab's by address) becomes the cluster file."""
        where = hosts or tuple(host.address for host in self.lab.hosts)
        said = self.run("init", *where, "--name", self.name, "--etcd-dir", str(etcd), *options)
        return self.write(said.stdout)

    def write(self, text: str) -> Self:
        self.file.write_text(text)
        return self

    def edit(self, *changes: tuple[str, str]) -> Self:
        """Replaces words of the cluster file; each must be there."""
        text = self.file.read_text()
        for old, new in changes:
            assert old in text, text
            text = text.replace(old, new)
        return self.write(text)

    def run(self, *words: str, code: int | None = 0, **more: Any) -> subprocess.CompletedProcess[str]:
        """`etcdpilot WORDS`, which must end with `code` (None: with any)."""
        done = self.lab.controller([ETCDPILOT, *words], check=False, cwd=self.folder, **more)
        assert code is None or done.returncode == code, (
            f"etcdpilot {words}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def apply(self, *words: str, code: int | None = 0, **more: Any) -> str:
        done = self.run("apply", "--yes", *words, code=code, **more)
        return done.stdout + done.stderr

    def dying(self, moment: str, *words: str) -> subprocess.CompletedProcess[str]:
        """`etcdpilot WORDS`, killed at a moment of its journal (`testing.dying`), unless it ends before that."""
        return self.lab.controller([*DYING, moment, *words], check=False, cwd=self.folder, timeout=300)

    def forget_the_dead(self) -> None:
        """Half a minute passes for the locks of a controller that was killed: the next one takes them over."""
        for host in self.lab.hosts:
            if host.on:
                host.run("touch -c -d '-31 seconds' /run/etcdpilot/*.lock /run/etcdpilot/*.lock/owner", check=False)

    def free_the_locks(self) -> None:
        """As when a lock of a dead controller was taken over and given back."""
        for host in self.lab.hosts:
            if host.on:
                host.run("rm -rf /run/etcdpilot/*.lock", check=False)

    def journal(self) -> list[dict[str, Any]]:
        path = self.state / "journal.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def settled(self) -> bool:
        """Whether another apply has nothing to do; warnings may stand above that."""
        return self.apply().endswith(f"Nothing to do: {self.name} is as its file says.\n")

    def says(self, *words: str, **more: Any) -> Any:
        """The JSON document of a looking verb, whatever its verdict."""
        return json.loads(self.run("-o", "json", *words, code=None, **more).stdout)

    def ctl(self, *words: str, **more: Any) -> str:
        return self.run("ctl", "--", *words, **more).stdout

    def healthy(self) -> bool:
        found = self.run("health", code=None)
        return found.returncode == 0 and "healthy, proved" in found.stdout

    def member(self, name: str) -> Host:
        """The host of a member that `init` named: etcd-0 is on the first."""
        return self.lab.hosts[int(name.rpartition("-")[2])]

    def leader(self) -> str:
        return str(self.says("status")["cluster"]["leader"])
