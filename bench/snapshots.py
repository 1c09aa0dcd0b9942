"""Snapshots: what saving and proving cost beside etcd's own tools, in one run on one machine.

    python -m bench.snapshots [--keys 100000] [--size 5000] [--plain]

Over mutual TLS, as clusters are, unless told otherwise. Saves a cluster's data with `etcdctl snapshot save` and with
etcdpilot, then proves the file with `sha256sum`, with `etcdutl snapshot status` (which looks at no checksum) and with
etcdpilot. Each is run several times, in turn, and the best time counts; memory is the high-water mark of a process of
its own. What is claimed: saving and proving goes at 0.9 of the rate of `etcdctl snapshot save` or more, in 150 MiB
whatever the size, and proving offline at 400 MB/s or more. Exit 1 where that is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from etcdpilot.etcd.channels import Tls
from etcdpilot.etcd.client import Client
from tests.local.raw_etcd import Binaries, RawCluster, found_binaries
from tests.local.snapshot_lab import Filled, fill_in_bulk

ROUNDS = 5
BUDGET_RATIO, BUDGET_MEMORY, BUDGET_OFFLINE = 0.9, 150, 400  # of etcdctl's rate; MiB; MB/s
MEMORY = "next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))"
VERIFY = f"""
import sys, time, json; from pathlib import Path
from etcdpilot.stores.snapshot.verify import verify
begun = time.perf_counter()
verdict = verify(Path(sys.argv[1]), hash_keys=len(sys.argv) > 2)
took = time.perf_counter() - begun
assert verdict.sound, verdict
print(json.dumps([took, int({MEMORY})]))
"""
SAVE = f"""
import asyncio, sys, time, json; from pathlib import Path
from etcdpilot.etcd.reading_engine import read_where_it_is_awaited
read_where_it_is_awaited()  # as `backup save` does
from etcdpilot.applying.backups import save_to_file
from etcdpilot.observing.clock import SystemClock
from etcdpilot.etcd.door import Door, Keyring
def keyring(folder):
    names = ("ca.pem", "client.pem", "client-key.pem")
    return Keyring(*((folder / name).read_bytes() for name in names)) if folder.name else None
async def main():
    door = Door({{"a": sys.argv[1]}}, keyring(Path(sys.argv[3])))
    door.client()
    begun = time.perf_counter()
    saved = await save_to_file(door, "a", "bench", Path(sys.argv[2]), SystemClock())
    took = time.perf_counter() - begun
    await door.close()
    assert not saved.notes, saved
    print(json.dumps([took, int({MEMORY})]))
asyncio.run(main())
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=5_000)
    parser.add_argument("--plain", action="store_true", help="without TLS")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="etcdpilot-bench-") as folder:
        kept = asyncio.run(measure(found_binaries()[-1], Path(folder), asked.keys, asked.size, tls=not asked.plain))
    print("within the budgets" if kept else "a budget is missed")
    sys.exit(0 if kept else 1)


async def measure(binaries: Binaries, folder: Path, keys: int, size: int, *, tls: bool) -> bool:
    quota = ("--quota-backend-bytes=8589934592",)
    async with (
        RawCluster(binaries, folder / "member", members=1, tls=tls, extra=quota) as cluster,
        Client(cluster.endpoints, tls_of(cluster), timeout=30) as client,
    ):
        member = Filled(cluster, client, binaries, folder)
        await fill_in_bulk(member.client, keys, size)
        await member.client.kv.compact((await member.client.kv.put("/last", "1")).header.revision // 2)
        await fill_in_bulk(member.client, keys // 20, size, seed=2)
        return await compare(member, keys, size)


def tls_of(cluster: RawCluster) -> Tls | None:
    if cluster.pki is None:
        return None
    client, key = ((cluster.folder / name).read_bytes() for name in ("client.pem", "client-key.pem"))
    return Tls(cluster.pki.authority, client, key)


async def compare(member: Filled, keys: int, size: int) -> bool:
    """Whether every budget was kept."""
    ours, theirs = member.folder / "ours.db", member.folder / "theirs.db"
    url, pki = member.cluster.endpoints[0], str(member.cluster.folder) if member.cluster.pki else ""
    shown = ("--cacert", f"{pki}/ca.pem", "--cert", f"{pki}/client.pem", "--key", f"{pki}/client-key.pem")
    ctl = [str(member.binaries.etcdctl), "--endpoints", url, *(shown if pki else ())]
    saving = await asyncio.to_thread(
        best,
        {
            "etcdctl snapshot save": lambda: timed([*ctl, "snapshot", "save", fresh(theirs)]),
            "etcdpilot, saved and proved": lambda: own(SAVE, url, fresh(ours), pki),
        },
    )
    proving: dict[str, Callable[[], tuple[float, int]]] = {
        "sha256sum": lambda: timed(["sha256sum", str(ours)]),
        "etcdpilot, proved": lambda: own(VERIFY, str(ours)),
        "etcdpilot, and the hash of keys": lambda: own(VERIFY, str(ours), "keys"),
    }
    if member.binaries.etcdutl:
        proving["etcdutl snapshot status"] = lambda: timed([member.binaries.etcdutl, "snapshot", "status", str(ours)])
    megabytes = ours.stat().st_size / 1e6
    print(f"etcd {member.binaries}, {keys} keys of {size} bytes, a snapshot of {megabytes:.0f} MB")
    show(saving, megabytes)
    proved = await asyncio.to_thread(best, proving)
    show(proved, megabytes)
    (theirs_took, _), (ours_took, memory) = saving["etcdctl snapshot save"], saving["etcdpilot, saved and proved"]
    ratio, offline = theirs_took / ours_took, megabytes / proved["etcdpilot, proved"][0]
    print(
        f"  saved and proved at {ratio:.2f} of etcdctl's rate (budget {BUDGET_RATIO}), in {memory / 1024:.0f} MiB",
        end="",
    )
    print(f" (budget {BUDGET_MEMORY}); proved offline at {offline:.0f} MB/s (budget {BUDGET_OFFLINE})")
    return ratio >= BUDGET_RATIO and memory / 1024 <= BUDGET_MEMORY and offline >= BUDGET_OFFLINE


def fresh(path: Path) -> str:
    for each in (path, path.with_suffix(".json")):
        each.unlink(missing_ok=True)
    return str(path)


def best(ways: dict[str, Callable[[], tuple[float, int]]]) -> dict[str, tuple[float, int]]:
    """Each way in turn, so that whatever else the machine does falls on all of them."""
    rounds = [{name: way() for name, way in ways.items()} for _ in range(ROUNDS)]
    return {name: min(each[name] for each in rounds) for name in ways}


def timed(command: Sequence[object]) -> tuple[float, int]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ETCD")}
    begun = time.perf_counter()
    process = subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment | {"ETCDCTL_API": "3"},
    )
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return time.perf_counter() - begun, usage.ru_maxrss


def own(program: str, *arguments: str) -> tuple[float, int]:
    """Seconds of the work itself, and the memory of the whole process in KiB."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    answer = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, check=True, env=environment
    )
    took, memory = json.loads(answer.stdout)
    return took, memory


def show(found: dict[str, tuple[float, int]], megabytes: float) -> None:
    for name, (seconds, memory) in found.items():
        print(f"  {name:34} {seconds:6.2f} s  {megabytes / seconds:6.0f} MB/s  {memory / 1024:5.0f} MiB")


if __name__ == "__main__":
    main()
