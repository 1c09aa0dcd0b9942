"""A dead member of a cluster that holds 500 MB is replaced where it stood: one command, beside the steps by hand.

By hand: etcdctl removes the member, its data is moved aside, etcdctl adds a learner, etcd is started with the certificates
and flags that are there, and etcdctl promotes it as soon as it may; done when that member answers a true read.

    python -m bench.replace [--rounds 3] [--megabytes 500]

Exit 1 where it takes more than 1.5 times as long.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from etcdpilot.model.addresses import MemberUrl
from etcdpilot.stores.local_clusters import is_free
from etcdpilot.testing.local_cluster import LocalCluster
from tests.etcd_versions import all_versions

BUDGET_RATIO = 1.5
DEAD = "etcd-1"
PIECE = 1_000_000


def main() -> int:
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--rounds", type=int, default=3)
    said.add_argument("--megabytes", type=int, default=500)
    wish = said.parse_args()
    found: dict[str, list[float]] = {"etcdpilot": [], "by hand": []}
    for turn in range(wish.rounds):
        for who, replace in (("etcdpilot", ours), ("by hand", by_hand)):
            found[who].append(once(replace, wish.megabytes))
            print(f"round {turn + 1}, {who}: {found[who][-1]:.2f} s, load {os.getloadavg()[0]:.1f}", flush=True)
    mine, theirs = (statistics.median(each) for each in found.values())
    print(
        f"medians: by hand {theirs:.2f} s   member replace {mine:.2f} s = {mine / theirs:.2f}x ({BUDGET_RATIO}x allowed)"
    )
    return 0 if mine / theirs <= BUDGET_RATIO else 1


def once(replace: Callable[[LocalCluster, list[str]], None], megabytes: int) -> float:
    etcd = next(each for each in all_versions() if each.version == "3.5.30")
    with LocalCluster(timers="default", etcd=str(etcd.directory / "etcd")) as cluster:
        asyncio.run(filled(cluster, megabytes))
        time.sleep(5)  # a young cluster answers `unhealthy cluster` to either
        command = running_as(cluster, DEAD)
        cluster.kill(DEAD)
        until_its_ports_are_free(cluster)
        began = time.monotonic()
        replace(cluster, command)
        took = time.monotonic() - began
        until_it_reads(cluster)
        return took


def until_its_ports_are_free(cluster: LocalCluster) -> None:
    """A process that lets go of a large database is gone before its ports are."""
    own = next(member for member in cluster.members if member.name == DEAD)
    ports = [MemberUrl.parse(url).port for url in (own.client_url, own.peer_url)]
    deadline = time.monotonic() + 60
    while not all(is_free("127.0.0.1", port) for port in ports):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the ports of {DEAD} stay taken")
        time.sleep(0.01)


async def filled(cluster: LocalCluster, megabytes: int) -> None:
    """Each value another one, none of it to be pressed together."""
    async with cluster.client() as client:
        for number in range(megabytes):
            await client.kv.put(f"/bench/{number}", os.urandom(PIECE), timeout=30)


def running_as(cluster: LocalCluster, name: str) -> list[str]:
    process = cluster._host(name)._process()
    assert process is not None
    # What runs was started with a new cluster; whoever joins comes to one that exists.
    words = (word.replace("-state=new", "-state=existing") for word in process.arguments)
    return [process.executable, *words]


def ours(cluster: LocalCluster, _: list[str]) -> None:
    where = ["-f", str(cluster.file), "--state", str(cluster.directory)]
    command = [sys.executable, "-m", "etcdpilot", "member", "replace", DEAD, *where, "--yes"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def by_hand(cluster: LocalCluster, command: list[str]) -> None:
    others = [member.client_url for member in cluster.members if member.name != DEAD]
    own = next(member for member in cluster.members if member.name == DEAD)
    listed = members_of(cluster, others)
    old = next(entry["ID"] for entry in listed if entry["name"] == DEAD)
    etcdctl(cluster, others, "member", "remove", f"{old:x}")
    data = Path(next(word for word in command if word.startswith("--data-dir=")).partition("=")[2])
    data.rename(data.with_suffix(".old"))
    etcdctl(cluster, others, "member", "add", DEAD, "--learner", f"--peer-urls={own.peer_url}")
    listed = members_of(cluster, others)
    new = next(entry["ID"] for entry in listed if entry.get("isLearner"))
    with open(os.devnull, "w") as nowhere:
        subprocess.Popen(command, stdout=nowhere, stderr=nowhere, start_new_session=True)
    while etcdctl(cluster, others, "member", "promote", f"{new:x}", check=False) is None:
        time.sleep(0.05)
    until_it_reads(cluster)


def members_of(cluster: LocalCluster, endpoints: list[str]) -> list[dict[str, Any]]:
    said = json.loads(etcdctl(cluster, endpoints, "member", "list", "-w", "json") or "{}")
    return list(said["members"])


def until_it_reads(cluster: LocalCluster) -> None:
    own = next(member for member in cluster.members if member.name == DEAD)
    while etcdctl(cluster, [own.client_url], "get", "/bench/0", "--keys-only", check=False) is None:
        time.sleep(0.05)


def etcdctl(cluster: LocalCluster, endpoints: list[str], *words: str, check: bool = True) -> str | None:
    environment = cluster.environment | {"ETCDCTL_ENDPOINTS": ",".join(endpoints)}
    done = subprocess.run([cluster.etcdctl, *words], env=environment, capture_output=True, text=True, check=check)
    return done.stdout if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
