"""Clusters of three members, built once for each version and frozen; each run begins from one, exactly as it was."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab.etcd_binaries import etcd_folder
from lab.laboratory import Lab
from lab.probes import until
from lab.site import Site

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

    def site(self) -> Site:
        return Site(self.lab, self.site_folder)

    def stage(self, version: str) -> Stage:
        if version not in self._made:
            self._made[version] = self._build(version)
        return self._made[version]

    def begin(self, stage: Stage, hosts: int, small: tuple[int, str, int] | None = None) -> Site:
        """So many hosts booted from it, the others off; returns once all members answer.

        `small` gives the host of that number an empty disk at a path, of so many MB.
        """
        self.lab.heal()
        shutil.rmtree(self.site_folder, ignore_errors=True)
        shutil.copytree(stage.folder / "site", self.site_folder)
        with ThreadPoolExecutor(len(self.lab.all_hosts)) as pool:
            list(pool.map(lambda number: self._place(stage, number, hosts, small), range(len(self.lab.all_hosts))))
        site = self.site()
        assert until(lambda: everybody_votes(site), 60), site.run("status", code=None).stdout
        return site

    def _place(self, stage: Stage, number: int, hosts: int, small: tuple[int, str, int] | None) -> None:
        host = self.lab.all_hosts[number]
        if number >= hosts:
            host.become_empty()
            return
        host.thaw(stage.folder / host.name, small=small[1:] if small and small[0] == number else None)
        host.power_on()

    def _build(self, version: str) -> Stage:
        folder = self.lab.folder / "stages" / version
        self.lab.clean(len(self.lab.all_hosts))
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


def everybody_votes(site: Site) -> bool:
    cluster = site.says("status")["cluster"]
    quorum = cluster["quorum"]
    return bool(quorum["answering"] == quorum["voters"] == MEMBERS and cluster["leader"])
