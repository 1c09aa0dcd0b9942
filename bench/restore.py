"""A whole cluster restored, and one whose majority is lost recovered, beside etcd's own tool with the same flags.

    python -m bench.restore [--megabytes 150] [--rounds 3] [--hosts]

Raw: every member stopped, `snapshot restore` for all three at once, every member started, all of them healthy. Ours: the
same, with the file judged, the old data set aside, a new identity, and the proof at the end. Budgets: 1.5 times the raw
steps; ten seconds for a lost quorum on this machine, a minute over SSH (`--hosts`: three hosts of the lab, as root).
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from etcdpilot.hosts.processes import processes_of
from etcdpilot.testing.local_cluster import LocalCluster
from tests.local.snapshot_lab import fill_in_bulk

RATIO, LOCAL_SECONDS, HOSTS_SECONDS = 1.5, 10.0, 60.0
OPTIONS = {"quota-backend-bytes": str(8 << 30)}
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("ETCD", "PYTHONDONT"))}


def product(cluster: LocalCluster, *words: str) -> None:
    command = [sys.executable, "-m", "etcdpilot", "-f", str(cluster.file), "--state", str(cluster.directory)]
    subprocess.run([*command, *words, "--yes"], check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)


def fill(cluster: LocalCluster, megabytes: int) -> None:
    async def put() -> None:
        client = cluster.client()
        try:
            await fill_in_bulk(client, megabytes * 200, 5_000)
        finally:
            await client.close()

    cluster._run(put)


class Raw:
    """The steps of the guide by hand, on data directories of their own, so that the product's stay what they are."""

    def __init__(self, cluster: LocalCluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.running = {
            member.name: processes_of(str(cluster._host(member.name).script), cluster._host(member.name).data)[0]
            for member in cluster.members
        }

    def data(self, name: str) -> Path:
        return self.folder / name

    def restore(self, snapshot: Path) -> float:
        began = time.monotonic()
        self.stop(signal.SIGTERM)
        with ThreadPoolExecutor(3) as threads:
            list(threads.map(lambda name: self.restore_one(name, snapshot), self.running))
        started = [self.start(name) for name in self.running]
        healthy = [self.cluster.etcdctl, "endpoint", "health"]
        while subprocess.run(healthy, env=self.cluster.environment, capture_output=True, check=False).returncode:
            time.sleep(0.05)
        took = time.monotonic() - began
        for process in started:
            process.kill()
            process.wait()
        return took

    def stop(self, number: int) -> None:
        for member in self.cluster.members:
            self.cluster._signal(member.name, number)
        for member in self.cluster.members:
            self.cluster._wait_gone(member.name)

    def restore_one(self, name: str, snapshot: Path) -> None:
        folder = Path(self.cluster.etcdctl).parent
        tool = folder / "etcdutl" if (folder / "etcdutl").exists() else folder / "etcdctl"
        urls = {member.name: member.peer_url for member in self.cluster.members}
        words = [str(tool), "snapshot", "restore", str(snapshot), "--name", name, "--data-dir", str(self.data(name))]
        words += ["--initial-cluster", ",".join(f"{other}={url}" for other, url in urls.items())]
        words += ["--initial-advertise-peer-urls", urls[name], "--initial-cluster-token", f"raw-{time.time()}"[:12]]
        subprocess.run(words, check=True, capture_output=True, env=ENVIRONMENT | {"ETCDCTL_API": "3"})

    def start(self, name: str) -> subprocess.Popen[bytes]:
        process = self.running[name]
        words = [word for word in process.arguments if not word.startswith("--data-dir=")]
        command = [process.executable, *words, f"--data-dir={self.data(name)}"]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(command, stdout=quiet, stderr=quiet, stdin=quiet, env=ENVIRONMENT)


def raw_round(cluster: LocalCluster, snapshot: Path) -> float:
    with tempfile.TemporaryDirectory(prefix="etcdpilot-bench-") as folder:
        took = Raw(cluster, Path(folder)).restore(snapshot)
    cluster.start()
    return took


def timed(work: Callable[[], None]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def drop_asides(cluster: LocalCluster) -> None:
    for path in cluster.directory.glob("members/*/data.aside-*"):
        shutil.rmtree(path)


def lost_quorum(cluster: LocalCluster) -> float:
    for member in cluster.members[1:]:
        cluster.kill(member.name)
        shutil.rmtree(cluster.wanted.member(member.name).paths.data)
    return timed(lambda: product(cluster, "recover", "quorum"))


def locally(megabytes: int, rounds: int) -> bool:
    with tempfile.TemporaryDirectory() as folder, LocalCluster(timers="default", options=OPTIONS) as cluster:
        fill(cluster, megabytes)
        snapshot = Path(folder) / "s.db"
        product_save(cluster, snapshot)
        ours, theirs = [], []
        for _ in range(rounds):
            theirs.append(raw_round(cluster, snapshot))
            ours.append(timed(lambda: product(cluster, "restore", str(snapshot))))
            drop_asides(cluster)
        recovered = lost_quorum(cluster)
        ratio = statistics.median(ours) / statistics.median(theirs)
        size = snapshot.stat().st_size / 2**20
    print(f"a snapshot of {size:.0f} MiB, three members on this machine, median of {rounds}")
    print(f"  raw: stop, snapshot restore, start, healthy   {statistics.median(theirs):6.2f} s")
    print(
        f"  etcdpilot restore                             {statistics.median(ours):6.2f} s   {ratio:.2f}x (≤ {RATIO})"
    )
    print(f"  etcdpilot recover quorum, once                {recovered:6.2f} s   (≤ {LOCAL_SECONDS:.0f} s)")
    return ratio <= RATIO and recovered <= LOCAL_SECONDS


def product_save(cluster: LocalCluster, snapshot: Path) -> None:
    command = [sys.executable, "-m", "etcdpilot", "-f", str(cluster.file), "--state", str(cluster.directory)]
    subprocess.run([*command, "backup", "save", str(snapshot)], check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)


def over_ssh(megabytes: int) -> bool:
    from lab import Lab
    from tests.hosts.site import Site

    with tempfile.TemporaryDirectory() as folder, Lab.up(3, purpose="bench") as lab:
        site = Site(lab, Path(folder) / "site").init()
        site.apply()
        write = "head -c 1000000 /dev/urandom | base64 -w 0 | head -c 1000000"
        lab.controller(["/bin/sh", "-c", fill_by_ctl(megabytes, write)], check=True, cwd=site.folder)
        for host in lab.hosts[1:]:
            host.run("systemctl kill -s KILL etcd; systemctl stop etcd; rm -rf /var/lib/etcd")
        took = timed(lambda: site.run("recover", "quorum", "--yes-i-mean", "prod"))
        size = int(site.says("status")["members"][0]["db_size"]) / 2**20
        healthy = site.healthy()
    print(f"  recover quorum over SSH, {size:.0f} MiB, three hosts   {took:6.2f} s   (≤ {HOSTS_SECONDS:.0f} s)")
    return healthy and took <= HOSTS_SECONDS


def fill_by_ctl(megabytes: int, write: str) -> str:
    own = f"{sys.executable} -m etcdpilot ctl -- put"
    return f"set -e; for number in $(seq {megabytes}); do {write} | {own} bulk/$number >/dev/null; done"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hosts", action="store_true")
    asked = parser.parse_args()
    good = locally(asked.megabytes, asked.rounds)
    if asked.hosts:
        good = over_ssh(asked.megabytes) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
