"""A rolling restart of three members under 200 writes a second: what a writer sees, beside the same done naively.

    python bench/rolling.py [ROUNDS]

Open loop: writes start on schedule whatever happens; each attempt has one second and is then repeated at the next member.
Raw: SIGTERM, start again, wait for the health of that member; no handing over, and no look at the others.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from etcdpilot.testing.load import Beside
from etcdpilot.testing.local_cluster import LocalCluster

RATE = 200.0


def product(cluster: LocalCluster) -> None:
    command = [sys.executable, "-m", "etcdpilot", "-f", str(cluster.file), "--state", str(cluster.directory)]
    subprocess.run([*command, "restart", "--yes"], check=True, stdout=subprocess.DEVNULL)


def raw(cluster: LocalCluster) -> None:
    for member in cluster.members:
        host = cluster._host(member.name)
        asyncio.run(host.restart(""))
        healthy = [cluster.etcdctl, "endpoint", "health"]
        environment = cluster.environment | {"ETCDCTL_ENDPOINTS": member.client_url}
        while subprocess.run(healthy, env=environment, capture_output=True, check=False).returncode:
            time.sleep(0.05)


def once(cluster: LocalCluster, roll: Callable[[LocalCluster], None], into: Path) -> dict[str, float]:
    beside = Beside(cluster.endpoints, into, keys=cluster.directory, rate=RATE)
    beside.begin(lambda command: subprocess.Popen(command, env=dict(os.environ)))
    term = max(row.raft_term or 0 for row in cluster.status().members)
    began = time.monotonic()
    roll(cluster)
    took = time.monotonic() - began
    changes = max(row.raft_term or 0 for row in cluster.status().members) - term
    seen = beside.end()
    assert not seen["lost"] and not seen["not_watched"], seen
    return {
        "seconds": took,
        "longest gap, ms": seen["longest_gap"] * 1000,
        "repeats": seen["repeats"],
        "most repeats of one write": seen["most_repeats_of_one"],
        "leader changes": changes,
    }


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder, LocalCluster(timers="default") as cluster:
        found: dict[str, list[dict[str, float]]] = {"etcdpilot restart": [], "raw": []}
        for turn in range(rounds):
            found["etcdpilot restart"].append(once(cluster, product, Path(folder) / f"p{turn}.json"))
            found["raw"].append(once(cluster, raw, Path(folder) / f"r{turn}.json"))
    print(f"{'median of ' + str(rounds):28}" + "".join(f"{name:>20}" for name in found))
    for figure in found["raw"][0]:
        values = [statistics.median(run[figure] for run in runs) for runs in found.values()]
        print(f"{figure:28}" + "".join(f"{value:20.2f}" for value in values))
    ours, theirs = (statistics.median(run["seconds"] for run in runs) for runs in found.values())
    print(f"{'time, ours over raw':28}{ours / theirs:20.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
