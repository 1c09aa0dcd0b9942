"""Clusters of three members, built once for each version and frozen; each run begins from one, exactly as it was."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab.commands import LabError
from lab.etcd_binaries import etcd_folder
from lab.laboratory import Lab
from lab.probes import until
from lab.site import Site

BOOT = 120.0  # seconds that hosts, and then members, may take to come up on a busy box
# Whatever the product and its etcd may write on a host.
PLACES = (
    "etc/etcd",
    "var/lib/etcd*",
    "srv/etcd*",
    "opt/etcd",
    "usr/local/bin/etcd*",
    "etc/systemd/system/etcd.service*",
    "etc/systemd/system/multi-user.target.wants/etcd*",  # a link that leads nowhere on the box: only a pattern finds it
)
KEPT = ("kept", "from the beginning")
MEMBERS = 3


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the frozen disks of the hosts are, and the controller's folder; `cluster_id` as its status says it."""

    version: str
    folder: Path
    cluster_id: str


class Stages:
    """All of one lab, which has as many hosts as the largest operation wants."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.site_folder = lab.folder / "site"
        self._made: dict[str, Stage] = {}
        self._stands: dict[str, str] = {}  # hosts that were booted from a stage, and which

    def site(self) -> Site:
        return Site(self.lab, self.site_folder)

    def stage(self, version: str) -> Stage:
        if version not in self._made:
            self._made[version] = self._build(version)
        return self._made[version]

    def begin(self, stage: Stage, hosts: int, small: tuple[int, str, int] | None = None) -> Site:
        """So many hosts as they were then, the others off or empty; returns once all members answer.

        `small` gives the host of that number an empty disk at a path, of so many MB.
        """
        self.lab.heal()
        self.lab.only_at_home()
        shutil.rmtree(self.site_folder, ignore_errors=True)
        shutil.copytree(stage.folder / "site", self.site_folder)
        with ThreadPoolExecutor(len(self.lab.all_hosts)) as pool:
            list(pool.map(lambda number: self._place(stage, number, hosts, small), range(len(self.lab.all_hosts))))
        site = self.site()
        assert until(self._all_ready, BOOT), site.run("status", code=None).stdout
        return site

    def _all_ready(self) -> bool:
        """A unit of this kind is active once its etcd has found a quorum; all of them, and everybody votes."""
        time.sleep(0.05)
        return all(host.says("systemctl is-active etcd; true") == "active" for host in self.lab.all_hosts[:MEMBERS])

    def _place(self, stage: Stage, number: int, hosts: int, small: tuple[int, str, int] | None) -> None:
        host = self.lab.all_hosts[number]
        disk = small[1:] if small and small[0] == number else None
        frozen = stage.folder / host.name
        if host.on and self._stands.get(host.name) == stage.version and disk is None and not host.has_disks:
            host.run("rm -rf /run/etcdpilot")
            host.restore(frozen, PLACES, "etcd")
        elif number >= hosts:
            host.become_empty()
        else:
            host.thaw(frozen, small=disk)
            try:
                host.power_on(BOOT)
            except LabError:  # on a box that is very busy a machine may not come up at its first try
                host.power_cut()
                host.power_on(BOOT)
            self._stands[host.name] = stage.version

    def _build(self, version: str) -> Stage:
        folder = self.lab.folder / "stages" / version
        if self._stands or self._made:
            self.lab.clean(len(self.lab.all_hosts))  # a lab that has just come up is clean
        shutil.rmtree(self.site_folder, ignore_errors=True)
        site = self.site()
        site.init_with(etcd_folder() / version, *(host.address for host in self.lab.all_hosts[:MEMBERS]))
        site.apply()
        site.ctl("put", *KEPT)
        found = site.says("status")["cluster"]["id"]
        for host in self.lab.all_hosts:
            host.power_off()
            host.freeze(folder / host.name)
        shutil.copytree(self.site_folder, folder / "site")
        return Stage(version, folder, found)
