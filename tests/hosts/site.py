"""A controller's folder with a cluster file in it, and the verbs as a user types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab import Lab
from lab.host import Host
from tests.etcd_versions import all_versions, every_line

ETCDPILOT = str(Path(sys.executable).with_name("etcdpilot"))
ETCD = next((each for each in all_versions() if each.version == "3.5.30"), every_line()[-1] if every_line() else None)


class Site:
    """One cluster file on the lab's hosts. Every verb is a process of its own in the controller's place."""

    def __init__(self, lab: Lab, folder: Path, name: str = "prod") -> None:
        self.lab, self.folder, self.name = lab, folder, name
        self.file = folder / "cluster.yaml"
        self.state = folder / ".etcdpilot" / name
        folder.mkdir(parents=True, exist_ok=True)

    def init(self, *hosts: str, options: tuple[str, ...] = (), etcd: str | None = None) -> Site:
        """What `etcdpilot init` prints for these hosts (all of the lab's by address) becomes the cluster file."""
        chosen = next(each for each in all_versions() if each.version == etcd) if etcd else ETCD
        assert chosen is not None
        where = hosts or tuple(host.address for host in self.lab.hosts)
        said = self.run("init", *where, "--name", self.name, "--etcd-dir", str(chosen.directory), *options)
        return self.write(said.stdout)

    def write(self, text: str) -> Site:
        self.file.write_text(text)
        return self

    def edit(self, *changes: tuple[str, str]) -> Site:
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


def pid(host: Host, unit: str = "etcd") -> str:
    return host.show(unit, "MainPID")


def fingerprint(host: Host) -> str:
    """What a second apply must not change: times of files, the process, how often it was started."""
    files = host.says(
        "stat -c '%n %Y %Z %i' /etc/etcd /etc/etcd/* /etc/etcd/tls/* /etc/systemd/system/etcd.service "
        "/usr/local/bin/etcd* /usr/local/lib/etcdpilot/* /usr/local/lib/etcdpilot/*/*"
    )
    return (
        f"{files}\n{pid(host)} {host.show('etcd', 'NRestarts')} {host.show('etcd', 'ExecMainStartTimestampMonotonic')}"
    )
