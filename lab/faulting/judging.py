"""What must hold after every run, whatever went wrong meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lab.etcd_binaries import etcd_folder
from lab.faulting.stages import KEPT, Stage
from lab.host import Host
from lab.site import Site

# Seconds without an acknowledgement that a present quorum may take: noticing, an election, and a client that asks a dead
# member for one second at a time.
ELECTION = 8.0
PATIENCE = 240.0  # a verb that has not ended by then hangs
# Done, refused, stale, a host failed, etcd failed; -9 is our own deed.
ENDINGS = (0, 3, 4, 5, 6)
DATA = ("var/lib", "srv")


@dataclass
class Verdict:
    """What one run came to. `stop` is the longest one while a quorum was there, `gap` the longest of all."""

    broken: list[str] = field(default_factory=list)
    stop: float = 0.0
    gap: float = 0.0

    def require(self, holds: object, what: str) -> None:
        if not holds:
            self.broken.append(what)


def data_of(hosts: tuple[Host, ...]) -> dict[tuple[str, int], str]:
    """Every first log of a member there is, by host and inode number: moved aside it keeps its own."""
    return {
        (host.name, inode): path
        for host in hosts
        for below in DATA
        for inode, path in host.files(below, "0000000000000000-0000000000000000.wal").items()
    }


def wanted_state(site: Site, stage: Stage, names: tuple[str, ...], endpoint: str) -> Iterator[str]:
    """What is wrong about it, in words; nothing when the cluster is as its file says."""
    plan = site.run("-o", "json", "plan", "--exit-code", code=None)
    if plan.returncode:
        yield f"another plan is not empty ({plan.returncode}): {site.run('plan', code=None).stdout}"
    health = site.run("health", code=None)
    if health.returncode:
        yield f"health {health.returncode}: {health.stdout}{health.stderr}"
    yield from unexpected(site, stage, names, endpoint)


def unexpected(site: Site, stage: Stage, names: tuple[str, ...], endpoint: str) -> Iterator[str]:
    """By etcdctl and by the box itself, not by the product's eyes."""
    listed = json.loads(etcdctl(site, stage, endpoint, "member", "list", "-w", "json") or "{}")
    members = [(member.get("name", ""), member.get("isLearner", False)) for member in listed.get("members", ())]
    if sorted(members) != [(name, False) for name in sorted(names)]:
        yield f"etcdctl lists {members} (name, learner), wanted {names}"
    if f"{listed.get('header', {}).get('cluster_id', 0):016x}".lstrip("0") != stage.cluster_id.lstrip("0"):
        yield f"cluster {listed.get('header')}, it was {stage.cluster_id}"
    if KEPT[1] not in etcdctl(site, stage, endpoint, "get", KEPT[0]):
        yield "the key from the beginning is gone"
    running = [host.name for host in site.lab.hosts if host.runs("etcd")]
    if len(running) != len(names):
        yield f"etcd runs on {running}"


def etcdctl(site: Site, stage: Stage, endpoint: str, *words: str) -> str:
    keys = {"CACERT": "ca.crt", "CERT": "client.crt", "KEY": "client.key"}
    environment = {f"ETCDCTL_{name}": str(site.state / file) for name, file in keys.items()}
    command = [etcd_folder() / stage.version / "etcdctl", "--endpoints", endpoint, *words]
    return site.lab.controller(command, check=False, env={"ETCDCTL_API": "3", **environment}).stdout


def judge_writes(verdict: Verdict, seen: dict[str, Any]) -> None:
    for what in ("lost", "not_watched", "watched_twice", "out_of_order"):
        verdict.require(not seen[what], f"{what}: {seen[what][:5]}")
    verdict.gap = seen["longest_gap"]


def judge_stop(verdict: Verdict, stop: float) -> None:
    verdict.stop = stop
    verdict.require(stop <= ELECTION, f"no write for {stop:.1f} s though a quorum was there")
